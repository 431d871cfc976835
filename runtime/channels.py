"""The options of each gRPC channel between our processes."""

# gRPC uses a proxy from the environment by default. The proxy would see the bearer key and members' e-mails, and most
# proxies cannot pass HTTP/2. The first option does not turn off GRPC_ADDRESS_HTTP_PROXY; the second restricts that to
# an address that no server has.
DIRECT = (
    ("grpc.enable_http_proxy", 0),
    ("grpc.address_http_proxy_enabled_addresses", "255.255.255.255/32"),
)
