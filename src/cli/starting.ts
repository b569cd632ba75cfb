import { Option, UsageError } from "clipanion";
import type { Platform } from "../lock/index.ts";
import { DevenvCommand, type DevenvContext } from "./command.ts";

/** What the user lets an environment start with, and which one of the project's it is. */
export interface StartOptions {
  /** That of this host when undefined. */
  readonly platform: Platform | undefined;
  readonly allowMissingLimits: boolean;
  readonly allowHostNetwork: boolean;
  readonly allowHostPorts: boolean;
  /** Asks the user, where there is one to ask. */
  readonly confirm?: (question: string) => Promise<boolean>;
}

export const platformDescription = "that of this host unless given; another processor's is emulated";

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

  platform = Option.String("--platform", { description: platformDescription });

  /** What is left of words that may begin with the options above: before words of a command clipanion looks for none. */
  protected commandOf(words: readonly string[]): readonly string[] {
    const [first, second, ...others] = words;
    const rest = words.slice(1);
    if (first === "--") return rest;
    if (first === "--platform") {
      if (second === undefined) throw new UsageError("--platform needs one, such as linux/arm64");
      this.platform = second;
      return this.commandOf(others);
    }
    if (first === "--allow-missing-limits") this.allowMissingLimits = true;
    else if (first === "--allow-host-network") this.allowHostNetwork = true;
    else if (first === "--allow-host-ports") this.allowHostPorts = true;
    else return words;
    return this.commandOf(rest);
  }

  protected get start(): StartOptions {
    const { allowMissingLimits, allowHostNetwork, allowHostPorts, context } = this;
    const { stdin, stderr } = context;
    const hasUser = [stdin, stderr].every((stream) => (stream as { isTTY?: boolean }).isTTY === true);
    const asked = hasUser ? { confirm: (question: string) => confirm(context, question) } : {};
    const platform = this.platform as Platform | undefined;
    return { allowMissingLimits, allowHostNetwork, allowHostPorts, platform, ...asked };
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
