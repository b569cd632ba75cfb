/** One thing that devenv asks of the host. */
export interface Finding {
  readonly name: string;
  /** What it is needed for: every environment, or what a configuration may ask for. */
  readonly need: string;
  /**
   * `missing`: nothing works without it; `limited`: a configuration that asks for it does not; `untried`: only
   * something else that is missing keeps it from being known.
   */
  readonly state: "ok" | "missing" | "limited" | "untried";
  readonly detail: string;
  /** How to mend it, commands for root, one a line; empty when it is well or nobody can. */
  readonly remedy: readonly string[];
}

/** What may be found about one requirement. */
export interface Requirement {
  ok(detail: string): Finding;
  missing(detail: string, remedy?: readonly string[]): Finding;
  limited(detail: string, remedy?: readonly string[]): Finding;
  /** Without `cause` it cannot be known; that is where it is mended. */
  untried(cause: Finding): Finding;
}

export const everyEnvironment = "every environment";

export function requirement(name: string, need: string): Requirement {
  const found =
    (state: Finding["state"]) =>
    (detail: string, remedy: readonly string[] = []): Finding => ({ name, need, state, detail, remedy });
  return {
    ok: found("ok"),
    missing: found("missing"),
    limited: found("limited"),
    untried: (cause) => found("untried")(`not known without: ${cause.name}`),
  };
}

/** What keeps from trying further: the first that is missing. */
export function firstMissing(findings: readonly Finding[]): Finding | undefined {
  return findings.find(({ state }) => state === "missing");
}
