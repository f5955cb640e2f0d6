// Calls through node-taobao-topclient: as a GET with everything in the query.
const { default: TopClient } = require('node-taobao-topclient');

require('./order')((order, call, params) => {
  const client = new TopClient({ appkey: order.app_key, appsecret: call.secret, REST_URL: order.url });
  return client.execute(call.api, params, 'GET');
});
