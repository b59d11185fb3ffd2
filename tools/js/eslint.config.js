// The report's scripts are classic scripts that share one scope, so that they run from a file on disk: what one declares
// the next may use, and tsc, which reads them together, says what is undeclared or unused among them.
import js from "@eslint/js";
import globals from "globals";

const rules = {
  "no-var": "off",
  "prefer-const": "error",
  eqeqeq: "error",
  curly: ["error", "multi-line"],
  "no-eval": "error",
  "no-implied-eval": "error",
  "no-new-func": "error",
  "no-shadow": "error",
  complexity: ["error", 12],
  "max-lines-per-function": ["error", { max: 60, skipBlankLines: true, skipComments: true, IIFEs: false }],
  // Text of a case or a class is never markup.
  "no-restricted-properties": [
    "error",
    ...["innerHTML", "outerHTML"].map((property) => ({ property, message: "use auvseg.element" })),
    { object: "document", property: "write" },
    { property: "insertAdjacentHTML", message: "use auvseg.element" },
  ],
};

export default [
  { ignores: ["**/vendor/**", "**/node_modules/**"] },
  js.configs.recommended,
  {
    files: ["**/src/auvseg/report/assets/*.js"],
    languageOptions: { sourceType: "script", ecmaVersion: 2022, globals: globals.browser },
    rules: { ...rules, "no-undef": "off", "no-unused-vars": "off", "no-redeclare": "off" },
  },
  { files: ["**/tests/browser/*.js"], languageOptions: { sourceType: "commonjs", globals: globals.browser }, rules },
  { files: ["**/tests/javascript/*.js", "**/tools/js/*.js"], languageOptions: { globals: globals.node }, rules },
];
