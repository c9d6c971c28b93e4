import js from "@eslint/js";
import globals from "globals";

export default [
  { ignores: ["*", "!web/", "!tests/", "tests/*", "!tests/web/", "!ui/", "ui/*", "!ui/components/"] },
  js.configs.recommended,
  {
    files: ["web/**/*.js", "ui/components/*.js"],
    languageOptions: { globals: globals.browser },
    rules: { eqeqeq: "error", "no-var": "error", "prefer-const": "error", "object-shorthand": "error" },
  },
  { files: ["tests/web/**/*.js"], languageOptions: { globals: globals.node } },
];
