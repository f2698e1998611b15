// The console: node console.mjs SERVER NAME FIRST-PASSWORD

import assert from 'node:assert/strict';
import { browse, focus, inspect, look } from './kit.mjs';

const [server, name, first] = process.argv.slice(2);
const password = 'nine copper lanterns';

async function signIn(page, given) {
  await page.goto('/');
  await page.getByRole('textbox', { name: 'Name' }).fill(name);
  await page.getByLabel('Password').fill(given);
  await page.getByRole('button', { name: 'Sign in' }).click();
}

// The first password is changed at once; then the account's page.
await browse(server, async ({ page, expect }) => {
  expect(/ 401 /);
  await signIn(page, 'not this one');
  await page.getByRole('heading', { name: 'There is a problem' }).waitFor();
  assert.equal(await page.getByRole('textbox', { name: 'Name' }).inputValue(), name);
  assert.equal(await page.getByLabel('Password').inputValue(), '');
  await look(page, 'sign-in');
  await signIn(page, first);
  await page.getByRole('heading', { name: 'Choose a password' }).waitFor();
  await inspect(page, 'choose a password');
  await page.getByLabel('Password now').fill(first);
  await page.getByLabel('New password', { exact: true }).fill(password);
  await page.getByLabel('New password, once more').fill(password);
  await page.getByRole('button', { name: 'Change the password' }).click();
  await page.getByRole('button', { name: 'account and settings' }).click();
  await page.getByRole('link', { name: 'My account' }).click();
  await page.getByText('You have no second factor yet').waitFor();
  await look(page, 'account');
  await page.getByRole('button', { name: 'account and settings' }).click();
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByRole('heading', { name: 'Sign in' }).waitFor();
});

// A token's day. Codes are what its button shows, one after another.
const codes = process.argv[5].split(' ');
await browse(server, async ({ page, expect }) => {
  await signIn(page, password);
  await page.getByRole('heading', { name: 'Dashboard' }).waitFor();
  await page.getByRole('link', { name: 'Hardware tokens', exact: true }).first().click();
  await page.getByRole('heading', { name: 'Hardware tokens', exact: true }).waitFor();
  await look(page, 'tokens-list');
  await page.getByRole('link', { name: 'Next' }).click();
  await page.getByText('6 of 26').waitFor();
  await page.goBack();
  await page.getByText('20 of 26').waitFor();

  // Filters open as a dialog, and stand in the address.
  await page.getByRole('link', { name: 'Serial', exact: true }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('heading', { name: 'Filters and columns' }).waitFor();
  await look(page, 'filter');
  await dialog.getByRole('textbox', { name: 'Serial' }).fill('10b');
  await dialog.getByRole('checkbox', { name: 'Label' }).check();
  await dialog.getByRole('button', { name: 'Show' }).click();
  await page.waitForURL('/tokens?column=label&serial=10b');
  await page.getByText('1 token', { exact: true }).waitFor();

  // With the keys alone: assign, verify, resynchronize.
  await page.keyboard.press('j');
  await page.keyboard.press('.');
  await focus(page, 'Change status');
  await page.keyboard.press('a');
  await focus(page, 'Assign');
  await page.keyboard.press('Enter');
  await dialog.getByRole('heading', { name: 'Assign' }).waitFor();
  await focus(page, 'user');
  await page.keyboard.type('bea');
  await page.keyboard.press('Enter');
  await page.getByText('The token is assigned').waitFor();
  await page.waitForURL(/column=label&serial=10b&did=assign/);
  await page.keyboard.press('j');
  await page.keyboard.press('v');
  await dialog.getByRole('heading', { name: 'Verify' }).waitFor();
  await focus(page, 'otp');
  await page.keyboard.type(codes[0]);
  await page.keyboard.press('Enter');
  await dialog.getByText('Valid', { exact: true }).waitFor();
  await page.keyboard.type(codes[16]);
  await page.keyboard.press('Enter');
  await dialog.getByText('15 ahead of the window').waitFor();
  await look(page, 'verify-refused');
  const again = dialog.getByRole('link', { name: 'Resynchronize' });
  await again.focus();
  await page.keyboard.press('Enter');
  await dialog.getByRole('heading', { name: 'Resynchronize' }).waitFor();
  await focus(page, 'otp1');
  await page.keyboard.type(codes[16]);
  await page.keyboard.press('Tab');
  await page.keyboard.type(codes[17]);
  await page.keyboard.press('Enter');
  await page.getByText('The token is in step again').waitFor();

  // With the mouse: lost, and back; replaced; deleted.
  const menu = async (label) => {
    await page.getByRole('button', { name: 'More for 10b' }).click();
    await page.getByRole('link', { name: label, exact: true }).click();
  };
  await menu('Change status');
  await dialog.getByRole('radio', { name: 'Revoked, token lost' }).check();
  await dialog.getByRole('textbox', { name: 'Reason' }).fill('in the river');
  await look(page, 'state');
  await dialog.getByRole('button', { name: 'Change the status' }).click();
  await page.getByText('The state is changed').waitFor();
  await page.getByRole('cell', { name: 'Revoked, token lost' }).waitFor();
  await page.getByRole('button', { name: 'Undo' }).click();
  await page.getByRole('cell', { name: 'Valid', exact: true }).waitFor();
  await menu('Replace');
  expect(/ 404 /);
  await dialog.getByRole('textbox', { name: 'Serial number' }).fill('nonesuch');
  await dialog.getByRole('button', { name: 'Replace' }).click();
  await dialog.getByRole('heading', { name: 'There is a problem' }).waitFor();
  await inspect(page, 'replace, refused');
  await dialog.getByRole('textbox', { name: 'Serial number' }).fill('10c');
  await dialog.getByRole('button', { name: 'Replace' }).click();
  await page.getByText('The user has the other token').waitFor();
  await menu('History');
  await dialog.getByText('token.replaced').first().waitFor();
  await look(page, 'history');
  await page.keyboard.press('Escape');
  await page.getByRole('link', { name: '10b', exact: true }).click();
  await page.getByRole('heading', { name: 'Token · 10b' }).waitFor();
  await look(page, 'token');
  await page.getByRole('link', { name: 'Delete' }).click();
  await dialog.getByRole('heading', { name: 'Delete · 10b' }).waitFor();
  await look(page, 'delete');
  await dialog.getByRole('button', { name: 'Delete' }).click();
  await page.getByText('The token is deleted').waitFor();
  await page.getByRole('searchbox').fill('bea');
  await page.keyboard.press('Enter');
  await page.waitForURL('/tokens?q=bea');
  await page.getByRole('rowheader', { name: 'bea' }).waitFor();

  // Users: one is added, and found.
  await page.keyboard.press('Escape');
  await page.getByRole('link', { name: 'Users', exact: true }).click();
  await page.getByRole('heading', { name: 'Users', exact: true }).waitFor();
  await look(page, 'users');
  await page.getByRole('link', { name: 'Add a user' }).click();
  await dialog.getByRole('textbox', { name: 'Name' }).fill('Carl');
  await dialog.getByRole('button', { name: 'Add the user' }).click();
  await page.getByText('The user is added').waitFor();
  await look(page, 'user');
});
