import { Option } from "clipanion";
import { DevenvCommand, type DevenvContext } from "./command.ts";

/** What the user lets an environment start with. */
export interface Permissions {
  readonly allowMissingLimits: boolean;
  readonly allowHostNetwork: boolean;
  readonly allowHostPorts: boolean;
  /** Asks the user, where there is one to ask. */
  readonly confirm?: (question: string) => Promise<boolean>;
}

/** A command that starts the environment when it is stopped. */
export abstract class StartingCommand extends DevenvCommand {
  allowMissingLimits = Option.Boolean("--allow-missing-limits", false, {
    description: "start even if this host cannot enforce a limit",
  });
  allowHostNetwork = Option.Boolean("--allow-host-network", false, {
    description: 'let this environment have the host\'s network, as "network": "host" asks for',
  });
  allowHostPorts = Option.Boolean("--allow-host-ports", false, {
    description: "let this environment reach the ports of the host that devenv.jsonc names",
  });

  /** What is left of words that may begin with the options above: before words of a command clipanion looks for none. */
  protected commandOf(words: readonly string[]): readonly string[] {
    const [first, ...rest] = words;
    if (first === "--") return rest;
    if (first === "--allow-missing-limits") this.allowMissingLimits = true;
    else if (first === "--allow-host-network") this.allowHostNetwork = true;
    else if (first === "--allow-host-ports") this.allowHostPorts = true;
    else return words;
    return this.commandOf(rest);
  }

  protected get permissions(): Permissions {
    const { allowMissingLimits, allowHostNetwork, allowHostPorts, context } = this;
    const { stdin, stderr } = context;
    const hasUser = [stdin, stderr].every((stream) => (stream as { isTTY?: boolean }).isTTY === true);
    const asked = hasUser ? { confirm: (question: string) => confirm(context, question) } : {};
    return { allowMissingLimits, allowHostNetwork, allowHostPorts, ...asked };
  }
}

/** Anything but "y" or "yes" means no. */
export async function confirm({ stdin, stderr }: DevenvContext, question: string): Promise<boolean> {
  const { createInterface } = await import("node:readline/promises");
  const lines = createInterface({ input: stdin, output: stderr });
  try {
    return /^y(es)?$/i.test((await lines.question(question)).trim());
  } finally {
    lines.close();
  }
}
