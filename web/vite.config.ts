import { defineConfig, type Plugin } from "vite";

/** jspsych.css embeds 32 font files, half a megabyte: the pages use the system's fonts instead. */
const withoutFonts: Plugin = {
  name: "without-fonts",
  enforce: "pre",
  transform(code, id) {
    return id.includes("jspsych.css") ? { code: code.replace(/@font-face\s*\{[^}]*\}/g, ""), map: null } : null;
  },
};

export default defineConfig({
  base: "./", // the server may live under a prefix
  plugins: [withoutFonts],
  build: {
    target: "es2022",
    outDir: "../src/exemplum/server/static",
    emptyOutDir: true,
    assetsInlineLimit: 0, // no data: URLs
    modulePreload: { polyfill: false },
    rolldownOptions: { input: ["index.html", "preview.html"] }, // the participant's pages, and the experimenter's preview of them
    reportCompressedSize: false,
  },
});
