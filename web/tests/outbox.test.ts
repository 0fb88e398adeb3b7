import "fake-indexeddb/auto";
import { expect, it } from "vitest";

import type { AnswerBody } from "../src/contract";
import { Outbox } from "../src/outbox";

const answer = (key: string, shown_at: number): AnswerBody => ({
  trial: `trial of ${key}`,
  key,
  choice: "top",
  confidence: 2,
  rt_ms: 1234.5,
  shown_at,
  frame_ms: 16.7,
  frames_late: 0,
  hidden_ms: 0,
  blurs: 0,
  query_px: 235,
  reference_px: 157,
  pixel_ratio: 1,
  input: "mouse",
});

it("keeps answers over a reload, in the order given, by session, until they are acknowledged", async () => {
  const before = await Outbox.open();
  expect(before.durable).toBe(true);
  await before.put({ token: "mine", answer: answer("second", 2) });
  await before.put({ token: "mine", answer: answer("first", 1) });
  await before.put({ token: "another's", answer: answer("third", 3) });
  const after = await Outbox.open();
  expect((await after.left("mine")).map(({ key }) => key)).toEqual(["first", "second"]);
  expect((await after.left("mine"))[0]).toEqual(answer("first", 1));
  await after.delete("first");
  expect((await (await Outbox.open()).left("mine")).map(({ key }) => key)).toEqual(["second"]);
});
