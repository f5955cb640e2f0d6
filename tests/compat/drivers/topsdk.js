// Calls through topsdk: forms, and multipart where there is a file.
const TopClient = require('topsdk');

require('./order')((order, call, params) => {
  const client = new TopClient(order.app_key, call.secret, order.url, { useValidators: false });
  for (const [name, text] of Object.entries(call.files)) {
    params[name] = { value: Buffer.from(text), options: { filename: `${name}.txt`, contentType: 'text/plain' } };
  }
  return client.execute(call.api, params, Object.keys(call.files).length ? 'file_upload' : 'post');
});
