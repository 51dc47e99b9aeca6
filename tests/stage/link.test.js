// The frame in the page's address.
import assert from "node:assert/strict";
import { test } from "node:test";

import { frameIn, withParameter } from "../../ntkviz/ui/stage/link.js";

test("the frame that an address names, if there is such a one", () => {
  const named = (/** @type {string} */ text) => frameIn(`?width=8&frame=${text}`, "frame", 5);
  assert.deepEqual(["0", "4", "-1", "-5"].map(named), [0, 4, 4, 0]);
  assert.deepEqual(["5", "-6", "x", "", "1.5", "1e0"].map(named), [null, null, null, null, null, null]);
  assert.equal(frameIn("?width=8", "frame", 5), null);
});

test("the other parameters stay letter by letter", () => {
  assert.equal(withParameter("?a=1+2&frame=3&b=%20x", "frame", "4"), "?a=1+2&b=%20x&frame=4");
  assert.equal(withParameter("?frame=3&frame_b=1", "frame", null), "?frame_b=1");
  assert.equal(withParameter("?frame=3", "frame", null), "");
  assert.equal(withParameter("", "frame", "0"), "?frame=0");
});
