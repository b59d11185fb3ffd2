// @ts-check
"use strict";

/** Comma-separated values (RFC 4180), safe to open in a spreadsheet. Independent of the page. */

/** Start of a text that a spreadsheet would evaluate; leading quotes count, so guarding twice is undone exactly. */
const FORMULA = /^'*[=+\-@\t\r\n＝＋－＠]/;

/**
 * A cell that no spreadsheet takes for a formula, quoted where it must be.
 * @param {string} text
 */
function csvCell(text) {
  const safe = FORMULA.test(text) ? `'${text}` : text;
  return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/**
 * A cell's text as it was before `csvCell`.
 * @param {string|undefined} text
 */
function unguarded(text) {
  const words = text || "";
  return words.startsWith("'") && FORMULA.test(words) ? words.slice(1) : words;
}

/** A cell, and what ends it. */
const CELL = /("(?:[^"]|"")*"|[^,\r\n]*)(,|\r\n|\n|\r|$)/gy;

/**
 * Rows of cells; empty lines are left out.
 * @param {string} text
 * @returns {string[][]}
 */
function csvRows(text) {
  /** @type {string[][]} */
  const rows = [];
  /** @type {string[]} */
  let row = [];
  for (const [, cell, end] of text.matchAll(CELL)) {
    row.push(/^".*"$/s.test(cell) ? cell.slice(1, -1).replaceAll('""', '"') : cell);
    if (end === ",") continue;
    if (row.length > 1 || row[0] !== "") rows.push(row);
    row = [];
    if (end === "") break;
  }
  return rows;
}
