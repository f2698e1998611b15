// Imports in the console: node import.mjs SERVER PASSWORD FOLDER CODES

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { browse, focus, look } from './kit.mjs';

const [server, password, folder, text] = process.argv.slice(2);
const codes = text.split(' ');

async function signIn(page) {
  await page.goto('/');
  await page.getByRole('textbox', { name: 'Name' }).fill('ROOT');
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('heading', { name: 'Dashboard' }).waitFor();
  await page.goto(new URL('/tokens', page.url()).href);
  await page.getByRole('heading', { name: 'Hardware tokens', exact: true }).waitFor();
}

// With the mouse: an encrypted file with the wrong and the right passphrase, and a code.
await browse(server, async ({ page }) => {
  await signIn(page);
  await page.getByText('There are no hardware tokens yet').waitFor();
  await page.getByRole('link', { name: 'Import a file' }).click();
  await page.getByRole('heading', { name: 'Import a file' }).waitFor();
  await look(page, 'import-new');
  await page.getByLabel('File of the manufacturer').setInputFiles(join(folder, 'letter.pskc'));
  await page.getByLabel('Passphrase').fill('tiramisu');
  await page.getByText('Delivery', { exact: true }).click();
  await page.getByRole('textbox', { name: 'Batch' }).fill('order 4711');
  await page.getByRole('button', { name: 'Look at the file' }).click();
  await page.getByRole('heading', { name: 'There is a problem' }).waitFor();
  await focus(page, 'There is a problem');
  assert.equal(await page.getByLabel('Passphrase').inputValue(), '');
  assert.equal(await page.getByRole('textbox', { name: 'Batch' }).inputValue(), 'order 4711');
  await look(page, 'import-wrong');
  await page.getByLabel('Passphrase').fill('qwerty');
  await page.getByRole('button', { name: 'Look again' }).click();
  await page.getByText('Nothing is imported yet: 1 token would be').waitFor();
  await look(page, 'import-found');
  await page.getByRole('button', { name: 'Import 1 token' }).click();
  await page.getByText('1 token is imported').waitFor();
  await look(page, 'import-done');
  await page.getByRole('link', { name: 'Check tokens' }).last().click();
  await page.getByRole('heading', { name: 'Check tokens' }).waitFor();
  await focus(page, 'serial');
  await page.keyboard.type('987654321');
  await page.keyboard.press('Enter'); // a scanner sends it; the code is asked for
  await focus(page, 'otp');
  await page.keyboard.type(codes[0]);
  await page.keyboard.press('Enter');
  await page.getByText('987654321: right').waitFor();
  await focus(page, 'serial');
  await page.keyboard.type('987654321');
  await page.keyboard.press('Tab');
  await page.keyboard.type(codes[0]);
  await page.keyboard.press('Enter');
  await page.getByText('used before').waitFor();
  await focus(page, 'otp');
  await look(page, 'check');
});

// With the keyboard alone: a table of which one key is bad.
await browse(server, async ({ page }) => {
  await signIn(page);
  await page.keyboard.press('g');
  await page.keyboard.press('i');
  await page.getByRole('heading', { name: 'Imports' }).waitFor();
  await look(page, 'imports');
  await page.getByRole('main').focus();
  await page.keyboard.press('Tab');
  await focus(page, 'Import a file');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Import a file' }).waitFor();
  const chosen = page.waitForEvent('filechooser'); // early: the browser is to know that somebody waits
  await page.getByRole('main').focus();
  await page.keyboard.press('Tab');
  await focus(page, 'All imports');
  await page.keyboard.press('Tab');
  await focus(page, 'file');
  await page.keyboard.press('Enter');
  await (await chosen).setFiles(join(folder, 'fobs.csv'));
  await page.keyboard.press('Tab');
  await focus(page, 'passphrase');
  await page.keyboard.press('Enter');
  await page.getByText('Nothing is imported: 1 key of 3 cannot be').waitFor();
  await page.getByText('Compare with the device').waitFor();
  await look(page, 'import-bad');
  for (let i = 0; i < 30; i++) {
    await page.keyboard.press('Tab');
    if ((await page.evaluate(() => document.activeElement.innerText)).startsWith('Import the good keys')) {
      break;
    }
  }
  await page.keyboard.press('Enter');
  await page.getByText('2 tokens are imported').waitFor();
  await page.getByRole('link', { name: 'Remainder' }).waitFor();
  await page.keyboard.press('g');
  await page.keyboard.press('t');
  await page.getByText('3 tokens', { exact: true }).waitFor();
});

// A long import: its page shows how far it is, and its end, by itself; other tabs answer.
await browse(server, async ({ page, context }) => {
  await signIn(page);
  await page.goto('/import-new');
  await page.getByLabel('File of the manufacturer').setInputFiles(join(folder, 'large.csv'));
  await page.getByRole('button', { name: 'Look at the file' }).click();
  await page.getByText('40000 tokens would be').waitFor();
  await page.getByRole('button', { name: 'Import 40000 tokens' }).click();
  await page.getByText('It goes on when you close this page').waitFor();
  await look(page, 'import-live');
  const run = page.url();
  const others = await Promise.all([1, 2, 3, 4, 5, 6].map(() => context.newPage()));
  await Promise.all(others.map((each) => each.goto(run)));
  await page.bringToFront();
  await page.getByText('40000 tokens are imported').waitFor();
});
