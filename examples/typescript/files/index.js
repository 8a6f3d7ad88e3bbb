exports.handler = async () => ({ statusCode: 200, body: "payments 1.0.0" });
