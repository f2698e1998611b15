// Changes of many tokens: node many.mjs SERVER NAME PASSWORD

import assert from 'node:assert/strict';
import { browse, look } from './kit.mjs';

const [server, name, password] = process.argv.slice(2);

await browse(server, async ({ page, expect }) => {
  await page.goto('/');
  await page.getByRole('textbox', { name: 'Name' }).fill(name);
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('heading', { name: 'Dashboard' }).waitFor();
  await page.goto(new URL('/tokens', page.url()).href);
  await page.getByRole('heading', { name: 'Hardware tokens', exact: true }).waitFor();
  await page.getByRole('link', { name: 'Jobs', exact: true }).click();
  await page.getByText('No job is kept here').waitFor();
  await look(page, 'jobs-empty');

  // Nothing is offered before a token is selected; the head's box selects the page.
  await page.goto('/tokens?serial=10&size=10');
  assert.equal(await page.getByRole('button', { name: 'Change status all' }).count(), 0);
  await page.getByRole('checkbox', { name: 'Select this page' }).check();
  await page.getByText('10 selected:').first().waitFor();
  await page.getByRole('checkbox', { name: 'Select 1002' }).uncheck();
  await page.getByText('9 selected:').first().waitFor();
  await page.getByText('All 60 that match:').waitFor();
  await look(page, 'many-selected');

  // The ticked ones.
  await page.getByRole('button', { name: 'Label the selected tokens' }).click();
  await page.getByRole('heading', { name: 'Label 9 tokens', level: 1 }).waitFor();
  await page.getByRole('textbox', { name: 'Label' }).fill('box 1');
  await look(page, 'many-label');
  await page.getByRole('button', { name: 'Label 9 tokens' }).click();
  await page.getByRole('heading', { name: /Job 1 · Label: box 1/ }).waitFor();
  await page.waitForFunction(() => {
    if (document.body.innerText.includes('Running')) {
      location.reload();
      return false;
    }
    return true;
  }, null, { polling: 500 });

  // All that match, with the number.
  await page.goto('/tokens?serial=10&size=10');
  await page.getByRole('checkbox', { name: 'Select 1003' }).check();
  await page.getByRole('button', { name: 'Change status all 60 tokens that match' }).click();
  await page.getByRole('heading', { name: 'Change the status of 60 tokens', level: 1 }).waitFor();
  await page.getByRole('radio', { name: 'Revoked, other reason' }).check();
  await page.getByRole('textbox', { name: 'Reason' }).fill('old stock');
  await page.getByRole('textbox', { name: 'Number of tokens' }).fill('6');
  expect(/ 422 /);
  await page.getByRole('button', { name: 'Change the status of 60 tokens' }).click();
  await page.getByRole('heading', { name: 'There is a problem' }).waitFor();
  await look(page, 'many-state');
  assert.equal(await page.getByRole('textbox', { name: 'Number of tokens' }).inputValue(), '');
  await page.getByRole('textbox', { name: 'Number of tokens' }).fill('60');
  await page.getByRole('button', { name: 'Change the status of 60 tokens' }).click();
  await page.getByRole('heading', { name: /Job 2 · Change status: Revoked, other reason/ }).waitFor();
  await page.waitForFunction(() => {
    if (document.body.innerText.includes('Running')) {
      location.reload();
      return false;
    }
    return true;
  }, null, { polling: 500 });
  await page.getByText('50 of 60').waitFor();
  await look(page, 'job');
  await page.getByRole('link', { name: 'All jobs' }).click();
  await page.getByRole('link', { name: 'Job 2' }).waitFor();
  await look(page, 'jobs');

  // By a list.
  await page.getByRole('link', { name: 'Assign by a list' }).click();
  await page.getByRole('textbox', { name: 'Or the table itself' }).fill('loginName,serial\nbea,2001\nnobody,1002\n');
  await look(page, 'assign-list');
  await page.getByRole('button', { name: 'Preview' }).click();
  await page.getByRole('heading', { name: 'Assign 1 token' }).waitFor();
  await page.getByText('There is no user nobody').waitFor();
  await look(page, 'many-assign');
  await page.getByRole('button', { name: 'Assign 1 token' }).click();
  await page.getByRole('heading', { name: /Job 3 · Assign/ }).waitFor();

  // Deleted, for good.
  await page.goto('/tokens?serial=2001');
  await page.getByRole('checkbox', { name: 'Select 2001' }).check();
  await page.getByRole('button', { name: 'Delete the selected tokens' }).click();
  await page.getByRole('textbox', { name: 'Number of tokens' }).fill('1');
  await look(page, 'many-delete');
});

// Without scripts the boxes and the buttons are there all the same.
await browse(server, async ({ context }) => {
  const plain = await context.browser().newContext({ baseURL: server, javaScriptEnabled: false });
  const page = await plain.newPage();
  await page.goto('/');
  await page.getByRole('textbox', { name: 'Name' }).fill(name);
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.goto('/tokens?serial=2001');
  assert.equal(await page.getByRole('checkbox', { name: 'Select this page' }).count(), 0);
  await page.getByRole('checkbox', { name: 'Select 2001' }).check();
  await page.getByRole('button', { name: 'Unassign the selected tokens' }).click();
  await page.getByRole('button', { name: 'Unassign 1 token' }).click();
  await page.getByRole('heading', { name: /Job 4 · Unassign/ }).waitFor();
});
