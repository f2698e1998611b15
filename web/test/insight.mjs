// What was counted, the log, and what tokens are made of: node insight.mjs SERVER NAME PASSWORD

import assert from 'node:assert/strict';
import { browse, inspect, look } from './kit.mjs';

const [server, name, password] = process.argv.slice(2);

await browse(server, async ({ page, expect }) => {
  await page.goto('/');
  await page.getByRole('textbox', { name: 'Name' }).fill(name);
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Sign in' }).click();

  // A number leads to what it counts.
  await page.getByRole('heading', { name: 'Dashboard' }).waitFor();
  await page.getByRole('img', { name: 'Codes refused by day' }).waitFor();
  await look(page, 'dashboard');
  await page.setViewportSize({ width: 1440, height: 2600 });
  await inspect(page, 'the whole dashboard');
  await page.screenshot({ path: `${process.env.OSTIARY_SCREENSHOTS}/dashboard-whole.png` });
  await page.setViewportSize({ width: 1440, height: 860 });
  const wrong = page.getByRole('region', { name: 'Reasons of refusals' }).getByRole('row', { name: /^wrong/ });
  const number = Number(await wrong.getByRole('link').innerText());
  await wrong.getByRole('link').click();
  await page.getByRole('heading', { name: 'Audit log' }).waitFor();
  await page.getByRole('link', { name: 'Reason: wrong' }).waitFor();
  assert.equal(await page.locator('tbody tr').count(), number);

  // The log, with the keys: g a, a filter, an entry.
  await page.keyboard.press('g');
  await page.keyboard.press('a');
  await page.waitForURL('/audit');
  await look(page, 'audit');
  await page.getByRole('link', { name: 'Outcome', exact: true }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('heading', { name: 'Filters' }).waitFor();
  await look(page, 'audit-filter');
  await dialog.getByLabel('Outcome').selectOption('refused');
  await dialog.getByLabel('Action').selectOption('code.verified');
  await dialog.getByRole('button', { name: 'Show' }).click();
  await page.getByRole('link', { name: 'Outcome: refused' }).waitFor();
  await page.keyboard.press('j');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'The whole entry' }).waitFor();
  await look(page, 'audit-entry');
  const [file] = await Promise.all([
    page.waitForEvent('download'),
    page.goto('/audit').then(() => page.getByRole('link', { name: 'Download the checkpoint' }).click()),
  ]);
  assert.equal(file.suggestedFilename(), 'audit-checkpoint.txt');

  // A type is made, a mistake first; then its next serial.
  await page.getByRole('link', { name: 'Token types' }).click();
  await page.getByRole('heading', { name: 'Token types' }).waitFor();
  await look(page, 'types');
  await page.getByRole('link', { name: 'New type' }).click();
  await dialog.getByRole('textbox', { name: 'Name' }).fill('no good');
  expect(/ 422 /);
  await dialog.getByRole('button', { name: 'Make the type' }).click();
  await dialog.getByRole('heading', { name: 'There is a problem' }).waitFor();
  await look(page, 'type-new');
  assert.equal(await dialog.getByRole('textbox', { name: 'Name' }).inputValue(), 'no good');
  await dialog.getByRole('textbox', { name: 'Name' }).fill('door');
  await dialog.getByRole('textbox', { name: 'Prefix of serials' }).fill('DR');
  await dialog.getByRole('button', { name: 'Make the type' }).click();
  await page.getByText('The type is made').waitFor();
  await look(page, 'type');
  await page.getByRole('link', { name: 'Series', exact: true }).click();
  await page.getByRole('row', { name: /^door/ }).getByRole('link', { name: 'Set the next' }).click();
  await look(page, 'series-next');
  await dialog.getByRole('textbox', { name: 'Next serial' }).fill('DR10000500');
  await dialog.getByRole('button', { name: 'Set' }).click();
  await page.getByText('The next serial is set').waitFor();
  await look(page, 'series');

  // A profile and its limits.
  await page.getByRole('link', { name: 'Profiles', exact: true }).click();
  await look(page, 'profiles');
  await page.getByRole('link', { name: 'example', exact: true }).click();
  await page.getByRole('heading', { name: 'Limits of its activations' }).waitFor();
  await look(page, 'profile');
  await page.getByRole('link', { name: 'Change the limits' }).click();
  await look(page, 'profile-limits');
  await dialog.getByLabel('Wrong confirmations that end it').fill('4');
  await dialog.getByRole('button', { name: 'Change' }).click();
  await page.getByText('The limits are changed').waitFor();

  // A delivery is recalled: the number is typed.
  await page.getByRole('link', { name: 'Batches' }).click();
  await look(page, 'batches');
  await page.getByRole('link', { name: 'Change status' }).click();
  await look(page, 'batch-state');
  await dialog.getByLabel('Reason').fill('recalled');
  await dialog.getByLabel('How many tokens').fill('60');
  await dialog.getByRole('button', { name: 'Change 60 tokens' }).click();
  await page.getByText('The state of 60 tokens is changed').waitFor();

  await page.getByRole('link', { name: 'Moves' }).click();
  await page.getByRole('link', { name: 'Cancel' }).waitFor();
  await look(page, 'moves');
  await page.getByRole('link', { name: 'Cancel' }).click();
  await dialog.getByText('work here again').waitFor();
  await look(page, 'move-cancel');
});
