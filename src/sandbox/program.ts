export function sandboxProgram(): string {
  return process.env["DEVENV_TEST_SB"] ?? "dist/devenv-sandbox";
}
