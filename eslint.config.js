// What is checked of the browser's modules: the recommended rules, and that a name is said once and a value compared as it is.
import js from "@eslint/js";
import globals from "globals";

const rules = {
  ...js.configs.recommended.rules,
  eqeqeq: "error",
  "no-var": "error",
  "prefer-const": "error",
  "no-shadow": "error",
  "no-implicit-globals": "error",
  "no-unused-expressions": "error",
  "no-eval": "error",
  "max-lines": ["error", 400],
  "max-len": ["error", { code: 140, ignoreComments: true }],
};

export default [
  { ignores: ["**/vendor/**", ".venv/**", ".cache/**", "build/**", "test-artifacts/**"] },
  { files: ["ntkviz/ui/stage/*.js"], languageOptions: { globals: globals.browser }, rules },
  { files: ["tests/stage/*.js", "eslint.config.js"], languageOptions: { globals: globals.node }, rules },
];
