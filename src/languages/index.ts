/** The languages that a configuration can ask for. */
export const languageNames = ["bun", "deno", "go", "java", "node", "php", "python", "ruby", "rust"] as const;
