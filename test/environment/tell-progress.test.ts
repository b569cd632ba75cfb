import { expect, test } from "vitest";
import { tellProgress } from "../../src/environment/tell-progress.ts";

function recorder() {
  const told: string[] = [];
  const observer = {
    begin: (title: string) => told.push(`begin ${title}`),
    progress: (text: string) => told.push(text),
    end: () => told.push("end"),
    note: (text: string) => told.push(`note ${text}`),
    settle: async () => {},
  };
  return { told, tell: tellProgress(observer) };
}

const download = (files: number) => ({ bytes: files, totalBytes: 2 ** 20, files, totalFiles: 9 });

test("of steps at the same time the phase that began last is shown, and each phase begins once", () => {
  const { tell, told } = recorder();
  tell({ phase: "download", step: "go", download: download(1) });
  tell({ phase: "install", step: "packages" });
  tell({ phase: "download", step: "go", download: download(2) });
  tell({ phase: "install", step: "packages" });
  tell({ phase: "pack", step: "go" });
  tell({ phase: "pack", step: "packages" });
  expect(told).toEqual([
    "begin downloading go",
    "1 of 9 files, 0.0 of 1.0 MiB",
    "begin installing the packages",
    "begin packing go",
    "begin packing the packages",
  ]);
});

test("a command is shown with the last line that it printed", () => {
  const { tell, told } = recorder();
  tell({ phase: "note", step: 'step "tool"', text: 'step "tool": command changed' });
  tell({ phase: "run", step: 'step "tool"' });
  tell({ phase: "run", step: 'step "tool"', line: "compiling" });
  tell({ phase: "pack", step: 'step "tool"' });
  expect(told).toEqual([
    'note step "tool": command changed',
    'begin running the step "tool"',
    "compiling",
    'begin packing the step "tool"',
  ]);
});
