// Calls through ali-topsdk, Taobao's own Node SDK: every call is multipart.
const { ApiClient } = require('ali-topsdk');

require('./order')((order, call, params) => {
  const client = new ApiClient({ appkey: order.app_key, appsecret: call.secret, url: order.url });
  for (const [name, text] of Object.entries(call.files)) params[name] = Buffer.from(text);
  return new Promise((resolve, reject) => {
    client.execute(call.api, params, (error, answer) => (error ? reject(error) : resolve(answer)));
  });
});
