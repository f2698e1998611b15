// What the scripts have in common: a browser, and an eye on every page it shows.

import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

const require = createRequire(import.meta.url);
const axe = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
export const pictures = process.env.OSTIARY_SCREENSHOTS;

export const desk = { width: 1440, height: 860 };
export const phone = { width: 390, height: 760 };

/** Runs the steps in a browser, and ends it. What a page did that it must not fails. */
export async function browse(server, steps) {
  const browser = await chromium.launch({
    executablePath: process.env.OSTIARY_CHROMIUM,
    chromiumSandbox: process.getuid() !== 0,
  });
  const wrong = [];
  try {
    const context = await browser.newContext({ viewport: desk, baseURL: server });
    await context.addInitScript(() => {
      document.addEventListener('securitypolicyviolation', (event) => {
        console.error(`policy: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`);
      });
    });
    const expected = [];
    context.on('page', (page) => {
      page.on('console', (message) => {
        const text = `${message.text()} (${message.location().url})`;
        if (message.type() === 'error' && !expected.some((each) => each.test(text))) {
          wrong.push(text);
        }
      });
      page.on('pageerror', (error) => wrong.push(String(error.stack)));
      page.on('request', (request) => {
        const url = request.url();
        if (!url.startsWith(server) && !url.startsWith('data:')) {
          wrong.push('a request to somebody else: ' + url);
        }
      });
    });
    const page = await context.newPage();
    page.setDefaultTimeout(30_000);
    await steps({ page, context, expect: (pattern) => expected.push(pattern) });
  } finally {
    await browser.close();
  }
  assert.deepEqual(wrong, [], 'the pages did what they must not');
}

/** Takes pictures of the page in both widths and themes, and has axe look at each. */
export async function look(page, name, widths = { 1440: desk, 390: phone }) {
  mkdirSync(pictures, { recursive: true });
  for (const [width, size] of Object.entries(widths)) {
    await page.setViewportSize(size);
    for (const theme of ['light', 'dark']) {
      await page.emulateMedia({ colorScheme: theme });
      await page.screenshot({ path: join(pictures, `${name}-${width}-${theme}.png`) });
      await inspect(page, `${name}, ${width} px, ${theme}`);
    }
  }
  await page.emulateMedia({ colorScheme: 'light' });
  // 1280 px at 400 %: it scrolls one way only.
  await page.setViewportSize({ width: 320, height: 256 });
  await page.screenshot({ path: join(pictures, `${name}-320.png`) });
  const wide = await page.evaluate(() => document.documentElement.scrollWidth);
  assert.ok(wide <= 320, `${name}: at 400 % the page is ${wide} px wide`);
  await page.setViewportSize(desk);
}

/** Has axe look at the page as it is. */
export async function inspect(page, name) {
  await page.evaluate(axe);
  const found = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }));
  const words = found.violations.map((v) => `${v.id}: ${v.help}\n    ${v.nodes.map((n) => n.html).join('\n    ')}`);
  assert.equal(words.length, 0, `${name}: axe finds\n  ${words.join('\n  ')}`);
  assert.ok(found.testEngine.name === 'axe-core');
}

/** Waits until the focus is on what begins with these words, or has this id. */
export async function focus(page, words) {
  const here = () => document.activeElement.innerText?.trim() || document.activeElement.id;
  const on = (want) => (document.activeElement.innerText?.trim() || document.activeElement.id).startsWith(want);
  await page.waitForFunction(on, words).catch(async () => {
    assert.equal(await page.evaluate(here), words, 'the focus');
  });
}
