// Software tokens: node software.mjs SERVER NAME PASSWORD AUTHENTICATOR FOLDER

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { browse, look } from './kit.mjs';

const [server, name, password, authenticator, folder] = process.argv.slice(2);

/** A phone is the authenticator of the command line, with a vault of its own. */
function phone(title) {
  const pin = join(folder, title + '-pin');
  writeFileSync(pin, '739154\n', { mode: 0o600 });
  const run = (...args) =>
    execFileSync(authenticator, ['--vault', join(folder, title), ...args], { encoding: 'utf8' });
  return {
    activate(url, registration, words) {
      const file = join(folder, title + '-password');
      writeFileSync(file, words + '\n', { mode: 0o600 });
      run('activate', '--pin-file', pin, '--yes', '--json', '--server', url, '--registration', registration,
        '--password-file', file);
    },
    otp: () => run('otp', '--pin-file', pin).trim(),
  };
}

await browse(server, async ({ page, expect }) => {
  const dialog = page.locator('dialog[open], main > div.dialog').last();
  const value = async (label) =>
    (await dialog.locator('dt', { hasText: label }).locator('xpath=following-sibling::dd[1]').innerText()).trim();
  const words = async () => (await dialog.getByText('Activation password:').locator('span').innerText()).trim();

  await page.goto('/');
  await page.getByRole('textbox', { name: 'Name' }).fill(name);
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('heading', { name: 'Dashboard' }).waitFor();
  await page.goto(new URL('/tokens', page.url()).href);
  await page.getByRole('heading', { name: 'Hardware tokens', exact: true }).waitFor();
  await page.getByRole('link', { name: 'Software tokens' }).click();
  await page.getByText('There are no software tokens yet').waitFor();
  await look(page, 'software-empty');

  // An authenticator app of any maker: a link with its QR code.
  await page.getByRole('link', { name: 'Create a software token' }).click();
  await dialog.getByRole('heading', { name: 'Create software tokens' }).waitFor();
  await dialog.getByLabel('Token type').selectOption('app-totp');
  await look(page, 'software-new');
  await dialog.getByRole('button', { name: 'Create' }).click();
  await dialog.getByText('1 token is created').waitFor();
  await dialog.getByRole('img', { name: 'QR code with the enrolment link' }).waitFor();
  const link = await value('Link');
  await look(page, 'software-created');
  expect(/ 409 /);
  await page.reload(); // sends the form again, which makes nothing and shows no link
  await page.getByText('This form was sent before').waitFor();
  await page.getByRole('heading', { name: 'Create software tokens' }).waitFor();
  assert.ok(!(await page.content()).includes(link), 'the link is shown again');

  // An app of our own: created, activated online, its first code confirms it.
  await page.getByLabel('Token type').selectOption('mobile-hotp');
  await page.getByLabel('User', { exact: true }).fill('bea');
  await page.getByRole('button', { name: 'Create' }).click();
  await page.getByText('1 token is created').waitFor();
  await page.getByRole('link', { name: 'Activate' }).click();
  await page.getByRole('heading', { name: 'Activate · MH' }).waitFor();
  await look(page, 'software-activate');
  const serial = (await page.locator('h1 .serial').innerText()).trim();
  await page.goto('/software');
  await page.getByRole('link', { name: serial, exact: true }).click();
  await page.getByRole('heading', { name: `Token · ${serial}` }).waitFor();
  await page.getByRole('link', { name: 'Activate' }).click();
  await dialog.getByRole('button', { name: 'Begin the activation' }).click();
  await dialog.getByText('An activation has begun').waitFor();
  await look(page, 'software-activation');
  const first = phone('first');
  first.activate(await value('Server'), await value('Registration code'), await words());
  await dialog.getByRole('link', { name: 'To the token' }).click();
  await page.getByText('confirmed, in use').waitFor();
  await look(page, 'software-token');
  const verify = async (otp, verdict) => {
    await page.getByRole('link', { name: 'Verify', exact: true }).click();
    await dialog.getByLabel('One-time password').fill(otp);
    await dialog.getByRole('button', { name: 'Verify' }).click();
    await dialog.getByText(verdict).waitFor();
    await dialog.getByRole('link', { name: 'Close' }).click();
    await dialog.waitFor({ state: 'detached' });
  };
  await verify(first.otp(), /^Valid$/);

  // The user's page: temporary codes while the phone is lost; then a new activation.
  await page.goto('/users/bea');
  await page.getByRole('cell', { name: 'Software', exact: true }).waitFor();
  await look(page, 'user-tokens');
  await page.getByRole('link', { name: 'Temporary codes' }).click();
  await dialog.getByRole('button', { name: 'Issue the codes' }).click();
  await dialog.getByText('Good until').waitFor();
  await look(page, 'user-codes');
  await dialog.getByRole('link', { name: 'To the user' }).click();
  await page.getByRole('link', { name: 'Activity' }).click();
  await dialog.getByText('Temporary codes were issued').waitFor();
  await look(page, 'user-activity');
  await page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'detached' });
  await page.getByRole('button', { name: `More for ${serial}` }).click();
  await page.getByRole('link', { name: 'Activate', exact: true }).click();
  await dialog.getByLabel('Reason').selectOption('device-lost');
  // The time to the next activation has not come yet: the codes of an offer wait for a reset.
  await dialog.getByRole('button', { name: 'Begin the activation' }).click();
  await dialog.getByRole('heading', { name: 'There is a problem' }).waitFor();
  await look(page, 'software-refused');
  await page.goto(`/software/${serial}`);
  await page.getByRole('link', { name: 'Reset counts' }).click();
  await dialog.getByLabel('The time to the next activation').check();
  await dialog.getByRole('button', { name: 'Reset', exact: true }).click();
  await page.getByText('The counts begin anew').waitFor();
  await page.getByRole('link', { name: 'Activate' }).click();
  await dialog.getByLabel('Reason').selectOption('device-lost');
  await dialog.getByRole('button', { name: 'Begin the activation' }).click();
  await dialog.getByText('An activation has begun').waitFor();
  const url = await value('Server');
  const registration = await value('Registration code');
  const secret = await words();
  await dialog.getByRole('link', { name: 'To the token' }).click();
  await page.getByText('An activation is open until').waitFor();
  await page.getByText('Revoked, token lost').waitFor();
  await look(page, 'software-open');
  const second = phone('second');
  second.activate(url, registration, secret);
  await page.reload();
  await verify(second.otp(), /^Valid$/);
  await verify(first.otp(), /Not valid/);

  await page.getByRole('link', { name: 'Letter', exact: true }).click();
  await page.getByRole('heading', { name: 'Letter · MH' }).waitFor();
  await look(page, 'software-letter');
  const download = page.waitForEvent('download');
  await page.getByRole('button', { name: 'Download the letter' }).click();
  assert.equal((await download).suggestedFilename(), 'letters.pdf');
  await page.goto('/software-letters');
  await look(page, 'software-letters');
  await page.goto('/software');
  await look(page, 'software-list');
});
