// The pattern pages: node pattern.mjs SERVER

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { browse, desk, focus, inspect, look, phone, pictures } from './kit.mjs';

const [server] = process.argv.slice(2);
const path = (page) => page.evaluate(() => location.pathname);

await browse(server, async ({ page, context, expect }) => {
  for (const name of ['me', 'form', 'tokens']) {
    await page.goto('/' + name);
    await look(page, name);
  }
  await page.goto('/verify');
  await look(page, 'verify-page');

  // With the mouse: the dialog has its address, a refusal stays in it, Back closes it.
  await page.goto('/tokens');
  await page.getByRole('link', { name: 'Verify 2600214508823' }).click();
  const dialog = page.getByRole('dialog', { name: 'Verify a code · 2600214508823' });
  await dialog.waitFor();
  assert.equal(await path(page), '/verify');
  const field = page.getByRole('textbox', { name: 'One-time password' });
  await field.pressSequentially('299532');
  assert.equal(await field.inputValue(), '299 532');
  await dialog.getByRole('button', { name: 'Verify', exact: true }).click();
  await dialog.getByText('Not valid: 14 ahead of the window').waitFor();
  assert.equal(await field.inputValue(), '', 'a code never stays');
  await look(page, 'verify-dialog');
  await page.goBack();
  await dialog.waitFor({ state: 'detached' });
  assert.equal(await path(page), '/tokens');

  await page.getByRole('link', { name: 'Verify 2600214508823' }).click();
  await dialog.getByRole('link', { name: 'Close' }).click();
  await dialog.waitFor({ state: 'detached' });
  await page.waitForURL('/tokens');

  // Forward shows it again, as a page. A server that does not answer is told of, and what
  // was typed stays.
  await page.goForward();
  await page.getByRole('heading', { name: 'Verify a code' }).waitFor();
  assert.equal(await path(page), '/verify');
  await page.goto('/tokens');
  await page.getByRole('link', { name: 'Verify 2600214508823' }).click();
  await field.fill('299 532');
  expect(/ERR_FAILED/);
  await page.route('/verify', (route) => route.abort());
  await dialog.getByRole('button', { name: 'Verify', exact: true }).click();
  await dialog.getByText('The server did not answer.').waitFor();
  assert.equal(await field.inputValue(), '299 532');
  await inspect(page, 'unanswered');
  await page.screenshot({ path: join(pictures, 'unanswered-1440-light.png') });
  await page.unroute('/verify');
  await dialog.getByRole('link', { name: 'Close' }).click();
  await page.waitForURL('/tokens');

  // A page that is none of a dialog replaces the page below.
  await page.getByRole('link', { name: 'Verify 2600214508823' }).click();
  await field.fill('755 224');
  await dialog.getByRole('button', { name: 'Verify', exact: true }).click();
  await page.waitForURL('/form');
  await page.getByRole('heading', { name: 'A form' }).waitFor();

  // Selection: one, a range, the page.
  await page.goto('/tokens');
  const boxes = page.locator('tbody .pick input');
  const counted = page.locator('[data-count]');
  await boxes.nth(2).click();
  await boxes.nth(4).click({ modifiers: ['Shift'] });
  assert.equal(await counted.innerText(), '4 selected');
  await page.getByRole('checkbox', { name: 'Select this page' }).click();
  assert.equal(await counted.innerText(), '8 selected');
  assert.equal(await page.locator('#status').innerText(), '8 selected');
  await page.getByRole('checkbox', { name: 'Select this page' }).click();
  assert.equal(await counted.isVisible(), false);
  await page.getByText('1–8 of 1,240').waitFor();

  // A menu stands at its button, takes the arrows and the first letter, and gives the focus back.
  const more = page.getByRole('button', { name: 'More for 2600214508823' });
  await more.click();
  const menu = page.locator('#menu-2600214508823');
  const [under, at] = [await menu.boundingBox(), await more.boundingBox()];
  assert.ok(Math.abs(under.x + under.width - at.x - at.width) < 2 && Math.abs(under.y - at.y - at.height) < 8,
    `the menu is at ${JSON.stringify(under)}, its button at ${JSON.stringify(at)}`);
  await focus(page, 'Change status');
  await page.keyboard.press('ArrowUp');
  await focus(page, 'Delete');
  await page.keyboard.press('u');
  await focus(page, 'Unlock');
  await inspect(page, 'menu');
  await page.screenshot({ path: join(pictures, 'menu-1440-light.png') });
  await page.keyboard.press('Escape');
  await focus(page, '⋯\nMore for 2600214508823');

  // The keys alone.
  await page.goto('/tokens');
  await page.keyboard.press('/');
  await focus(page, 'search');
  await page.keyboard.type('jx?'); // in a field a key is its letter
  assert.equal(await page.locator('#search').inputValue(), 'jx?');
  await page.keyboard.press('Escape');
  await page.evaluate(() => document.activeElement.blur());
  await page.keyboard.press('j');
  await page.keyboard.press('j');
  await page.keyboard.press('j');
  await page.keyboard.press('k');
  await focus(page, 'dora.lind');
  await page.keyboard.press('x');
  assert.equal(await boxes.nth(1).isChecked(), false);
  await page.keyboard.press('j');
  await page.keyboard.press('x');
  assert.equal(await boxes.nth(2).isChecked(), true, 'the row keeps the focus when it is selected');
  await page.keyboard.press('.');
  await focus(page, 'Change status');
  await page.keyboard.press('Escape');
  await page.keyboard.press('v');
  await dialog.waitFor();
  await focus(page, 'otp');
  await page.keyboard.type('111111');
  await page.keyboard.press('Enter');
  await dialog.getByText('Not valid').waitFor();
  await page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'detached' });
  await page.waitForURL('/tokens');
  await page.keyboard.press('j');
  expect(/404/); // the pattern has no users; the row after the one that the dialog was of
  await page.keyboard.press('Enter');
  await page.waitForURL('/users/farid.haddad');
  await page.goto('/tokens');
  await page.keyboard.press('g');
  await page.keyboard.press('u');
  await page.waitForURL('/form');
  await focus(page, 'There is a problem');
  await page.getByRole('link', { name: 'Enter a name' }).press('Enter');
  await focus(page, 'name');

  // The palette, and the sheet of keys, which switches single keys off and keeps that.
  await page.goto('/tokens');
  await page.keyboard.press('Control+k');
  await page.getByRole('combobox', { name: 'Go to a page' }).waitFor();
  await look(page, 'palette');
  await page.keyboard.type('ap');
  assert.match(await page.getByRole('option').first().innerText(), /^API keys/);
  await page.keyboard.press('Escape');
  await page.getByRole('combobox', { name: 'Go to a page' }).waitFor({ state: 'hidden' });
  // The browser takes the focus from what is hidden when it next draws; until then a key is for the field.
  await page.waitForFunction(() => document.activeElement?.tagName !== 'INPUT');
  await page.keyboard.press('?');
  await page.getByRole('heading', { name: 'Keys' }).waitFor();
  await look(page, 'keys');
  await page.getByRole('checkbox', { name: 'Single keys' }).click();
  await page.getByRole('button', { name: 'Close' }).click();
  await page.reload();
  await page.keyboard.press('/');
  assert.notEqual(await page.evaluate(() => document.activeElement.id), 'search', 'a single key acts though they are off');
  await page.keyboard.press('Control+k');
  await page.getByRole('combobox', { name: 'Go to a page' }).waitFor();
  await page.keyboard.press('Escape');

  // The theme is chosen, and the next page's first paint has it.
  await page.getByRole('button', { name: 'account and settings' }).click();
  await inspect(page, 'account');
  await page.screenshot({ path: join(pictures, 'account-1440-light.png') });
  await page.getByRole('radio', { name: 'Dark' }).click();
  const answer = await page.goto('/me');
  assert.match(await answer.text(), /data-theme="dark"/);
  await context.clearCookies();

  // What can be undone can be for 15 seconds, and as long as somebody is on the button.
  await page.clock.install();
  await page.goto('/form');
  const undo = page.getByRole('button', { name: 'Undo' });
  await undo.focus();
  await page.clock.fastForward(60_000);
  assert.ok(await undo.isVisible(), 'the bar went under the finger');
  await page.getByRole('link', { name: 'Enter a name' }).focus();
  await page.clock.fastForward(14_000);
  assert.ok(await undo.isVisible(), 'the bar went too soon');
  await page.clock.fastForward(1_001);
  await undo.waitFor({ state: 'detached' });
  await page.clock.resume();

  // On a phone the side bar is a sheet.
  await page.setViewportSize(phone);
  await page.goto('/tokens');
  await page.getByRole('button', { name: 'Pages' }).click();
  await page.getByRole('link', { name: 'Software tokens' }).waitFor();
  await inspect(page, 'sheet');
  await page.screenshot({ path: join(pictures, 'sheet-390-light.png') });
  await page.setViewportSize(desk);

  // What the user's system asks for, and paper.
  await page.emulateMedia({ forcedColors: 'active' });
  await page.goto('/tokens');
  await page.screenshot({ path: join(pictures, 'tokens-forced.png') });
  await page.emulateMedia({ forcedColors: 'none', media: 'print' });
  await page.screenshot({ path: join(pictures, 'tokens-print.png') });
  await page.emulateMedia({ media: 'screen', reducedMotion: 'reduce' });
  const moves = await page.evaluate(() => document.getAnimations().length + [...document.querySelectorAll('*')]
    .filter((e) => getComputedStyle(e).transitionDuration !== '0s').length);
  assert.equal(moves, 0, 'something moves though the system asks for less');

  // The policy holds: text does not become elements.
  expect(/policy:|TrustedHTML|Content Security Policy/);
  const refused = await page.evaluate(() => {
    try {
      document.body.innerHTML = '<p>x';
      return '';
    } catch (error) {
      return String(error);
    }
  });
  assert.match(refused, /TrustedHTML/);
});

// Without scripts every dialog is a page.
await browse(server, async ({ context }) => {
  const bare = await context.browser().newContext({ javaScriptEnabled: false, baseURL: server });
  const page = await bare.newPage();
  await page.goto('/tokens');
  await page.getByRole('link', { name: 'Verify 2600214508823' }).click();
  await page.waitForURL('/verify');
  await page.getByRole('textbox', { name: 'One-time password' }).fill('111 111');
  await page.getByRole('button', { name: 'Verify', exact: true }).click();
  await page.getByText('Not valid: 14 ahead of the window').waitFor();
});
