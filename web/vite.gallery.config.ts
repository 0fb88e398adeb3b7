import { defineConfig } from "vite";

/** The gallery: a second site beside the participant's pages, which share nothing with it. */
export default defineConfig({
  root: "gallery",
  base: "./", // any folder of any host
  build: {
    target: "es2022",
    outDir: "../../src/exemplum/gallery/static",
    emptyOutDir: true,
    assetsInlineLimit: 0, // no data: URLs
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
});
