// The enrolment page: node enrol.mjs SERVER LINK SERIAL

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { browse, look } from './kit.mjs';

const [server, link, serial] = process.argv.slice(2);

function code(secret) {
  return execFileSync('oathtool', ['--totp', '-b', secret], { encoding: 'utf8' }).trim();
}

await browse(server, async ({ page, context, expect }) => {
  await page.goto('/enrol');
  await page.getByText('This address is incomplete.').waitFor();
  await look(page, 'enrol-incomplete');

  await page.goto('/enrol#' + link); // which loads nothing anew, as only the # differs
  await page.getByRole('button', { name: 'Show the QR code' }).waitFor();
  assert.equal(new URL(page.url()).hash, '', 'the secret is gone from the address');
  await look(page, 'enrol-start');

  await page.getByRole('button', { name: 'Show the QR code' }).click();
  const drawn = page.getByRole('img', { name: 'QR code with the key' });
  await drawn.waitFor();
  assert.ok(await drawn.evaluate((img) => img.decode().then(() => img.naturalWidth > 0)), 'the QR code is drawn');
  const uri = await page.getByRole('link', { name: 'Open it in an app' }).getAttribute('href');
  await look(page, 'enrol-scan');
  await page.getByText('Without a camera').click();
  const secret = await page.locator('#key').textContent();
  assert.ok(uri.startsWith('otpauth://totp/') && uri.includes('secret=' + secret));

  const field = page.getByRole('textbox', { name: 'Code for' });
  expect(/422/);
  await field.pressSequentially('12345x');
  await page.getByRole('button', { name: 'Confirm' }).click();
  await page.getByText('A code is made of digits only.').waitFor();
  await look(page, 'enrol-refused');

  const right = code(secret);
  const other = right === '000000' ? '111111' : '000000';
  await field.fill('');
  await field.pressSequentially(other);
  assert.equal(await field.inputValue(), other.slice(0, 3) + ' ' + other.slice(3));
  await page.getByRole('button', { name: 'Confirm' }).click();
  await page.getByText('That is not the right code.').waitFor();

  await field.fill(code(secret).replace(/^.../, '$& '));
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Done' }).waitFor();
  await page.locator('#serial').getByText(serial).waitFor();
  assert.equal((await page.content()).includes(secret), false, 'the key is gone from the page');
  await look(page, 'enrol-done');

  // The link works once.
  expect(/404/);
  const again = await context.newPage();
  await again.goto('/enrol#' + link);
  await again.getByRole('button', { name: 'Show the QR code' }).click();
  await again.getByText('This link is not valid').waitFor();
  await look(again, 'enrol-used');

  // What is no page is one that says so; for a program it stays a problem document.
  await page.goto('/no/such/<b>page</b>');
  await page.getByRole('heading', { name: 'There is no page here' }).waitFor();
  await page.getByText('/no/such/<b>page</b>').waitFor();
  await look(page, 'error-404');
  const problem = await context.request.get('/no/such/page', { headers: { Accept: '*/*' } });
  assert.equal(problem.headers()['content-type'], 'application/problem+json');
});
