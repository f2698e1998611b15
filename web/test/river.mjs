// The phone in the river: node river.mjs SERVER TEMPORARY-CODE OLD-SERIAL NEW-SERIAL APP PIN-FILE
// APP is a file with the command line of an authenticator.

import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { browse, look } from './kit.mjs';

const [server, temporary, old, serial, file, pin] = process.argv.slice(2);
const [program, ...always] = JSON.parse(readFileSync(file, 'utf8'));
const app = async (...args) => (await promisify(execFile)(program, [...always, ...args, '--pin-file', pin])).stdout;

async function signIn(page, code) {
  await page.goto('/me');
  await page.getByRole('textbox', { name: 'User name' }).fill('alice');
  await page.getByRole('textbox', { name: 'Code' }).fill(code);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('heading', { name: 'My tokens' }).waitFor();
}

await browse(server, async ({ page }) => {
  await signIn(page, temporary);
  await page.locator('section', { hasText: old }).getByRole('link', { name: 'I lost it' }).click();
  await page.getByRole('button', { name: 'Report it as lost' }).click();
  await page.getByText('It is reported as lost').waitFor();
  await page.locator('section', { hasText: serial }).getByRole('link', { name: 'Activate my phone' }).click();
  await page.getByText('No camera?').click();
  const lines = await page.locator('details p').allInnerTexts();
  const [where, registration] = lines.map((line) => line.split(': ').slice(1).join(': '));
  await app('activate', '--server', where, '--registration', registration, '--yes');
  await page.getByText('Your phone is ready').waitFor(); // the page looks by itself
  await look(page, 'me-ready');
  await page.getByRole('button', { name: 'Sign out' }).click();
  await signIn(page, (await app('otp')).trim());
  await page.getByRole('link', { name: 'What happened' }).click();
  await page.getByText('A phone was activated').first().waitFor();
});
