import { resolve } from "node:path";
import { Command, Option, UsageError } from "clipanion";
import type { ExportFormat } from "../build/index.ts";
import type { Platform } from "../lock/index.ts";
import { DevenvCommand } from "./command.ts";
import { formatJson, isTerminal, withView } from "./output.ts";

const formats = ["oci", "docker-archive"] as const;

export class ExportCommand extends DevenvCommand {
  static override paths = [["export"]];
  static override usage = Command.Usage({
    description: "write the image for Docker, Podman, skopeo",
    details:
      "Builds the image when the store does not have it. `oci` is an OCI image layout, a directory or, when FILE ends in .tar, an archive; `docker-archive` is what `docker load` and `podman load` read. `--output -` writes the archive to standard output. The same lock and configuration give the same bytes. What an export made is replaced, anything else only with `--force`.",
    examples: [
      ["Run the image with Docker", "devenv export --format docker-archive --output - | docker load"],
      ["A directory that skopeo and umoci read", "devenv export --format oci --output image"],
    ],
  });

  format = Option.String("--format", { required: true, description: formats.join(" or ") });
  output = Option.String("--output", { description: "FILE, DIR or -; NAME.oci or NAME.tar unless given" });
  name = Option.String("--name", { description: "name of the image; NAME:latest unless given" });
  platform = Option.String("--platform", { description: "that of this host unless given" });
  frozen = Option.Boolean("--frozen", false, { description: "fail instead of changing devenv.lock" });
  force = Option.Boolean("--force", false, { description: "replace what is there" });
  json = Option.Boolean("--json", false, { description: "print digests and path as JSON" });

  protected async run(): Promise<number> {
    const format = checkedFormat(this.format);
    const { stdout, stderr, cwd } = this.context;
    const { openProject } = await import("./project.ts");
    const { atWork } = await import("../environment/at-work.ts");
    const { exportProject } = await import("../environment/export-project.ts");
    const toStdout = this.output === "-";
    if (toStdout && this.json) throw new UsageError("--json and --output - both want standard output");
    if (toStdout && isTerminal(stdout)) throw new UsageError("an archive is nothing for a terminal");
    const { store, project, configuration, located } = await openProject(cwd);
    const usual = `${configuration.name}.${format === "oci" ? "oci" : "tar"}`;
    const exported = await withView(stderr, (observer) =>
      located(() =>
        atWork(store, () =>
          exportProject(store, project, configuration, {
            observer,
            format,
            output: toStdout ? stdout : resolve(cwd, this.output ?? usual),
            name: this.name,
            platform: this.platform as Platform | undefined,
            frozen: this.frozen,
            force: this.force,
          }),
        ),
      ),
    );
    if (this.json) stdout.write(formatJson(exported));
    else if (!toStdout)
      stdout.write(`${exported.output}: ${exported.name} ${exported.platform} ${exported.digest}\n`);
    return 0;
  }
}

function checkedFormat(text: string): ExportFormat {
  const format = formats.find((one) => one === text);
  if (format === undefined) throw new UsageError(`--format: found ${text}, expected ${formats.join(" or ")}`);
  return format;
}
