import assert from "node:assert/strict";
import test from "node:test";

import { declared } from "./scripts.js";

const { csvCell, csvRows, unguarded } = declared(["csv.js"], ["csvCell", "csvRows", "unguarded"]);

// Arrays of another scope are other arrays to deepStrictEqual.
const rows = (text) => JSON.parse(JSON.stringify(csvRows(text)));

const HOSTILE = ["plain", "", "a,b", 'say "no"', "two\nlines", "carriage\r\nreturn", "\r", '"', "=1+1", "@x", "'=1", "''=1", "'quoted'", "＝1", "-5", "טקסט", "🧠", "<script>"];

test("what is written is read", () => {
  const text = HOSTILE.map((one) => ["case", one, "end"].map(csvCell).join(",")).join("\n");
  assert.deepEqual(rows(text).map((row) => row.map(unguarded)), HOSTILE.map((one) => ["case", one, "end"]));
});

test("no cell begins like a formula", () => {
  for (const one of HOSTILE) assert.doesNotMatch(csvCell(one).replace(/^"/, ""), /^[=+\-@\t\r\n＝＋－＠]/);
});

test("lines may end in any way, and the last need not", () => {
  for (const end of ["\n", "\r\n", "\r"]) assert.deepEqual(rows(`a,b${end}1,2`), [["a", "b"], ["1", "2"]]);
  assert.deepEqual(rows("a,b\n1,2\n"), [["a", "b"], ["1", "2"]]);
  assert.deepEqual(rows("a\n\n\nb\n"), [["a"], ["b"]]);
  assert.deepEqual(rows(""), []);
});

test("a quote that is not closed ends nothing else", () => {
  assert.deepEqual(rows('"a,b\n1,2'), [['"a', "b"], ["1", "2"]]);
});
