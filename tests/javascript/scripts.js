// The report's scripts share one scope, as in a page; here each test takes what it needs out of such a scope.
import { readFileSync } from "node:fs";
import vm from "node:vm";

const ASSETS = new URL("../../src/auvseg/report/assets/", import.meta.url);

/**
 * What some scripts declare, when they run after each other.
 * @param {string[]} files
 * @param {string[]} names
 */
export function declared(files, names) {
  const text = files.map((file) => readFileSync(new URL(file, ASSETS), "utf-8")).join("\n");
  return vm.runInNewContext(`${text}\n({ ${names.join(", ")} })`);
}
