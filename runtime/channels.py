"""How each gRPC channel between our processes is made."""

# A proxy in the environment would read the bearer key and members' e-mails, and most proxies speak no HTTP/2: gRPC
# would go through it unless it is told not to. For its own GRPC_ADDRESS_HTTP_PROXY the first option is not enough: the
# second leaves it an address that no server has.
DIRECT = (
    ("grpc.enable_http_proxy", 0),
    ("grpc.address_http_proxy_enabled_addresses", "255.255.255.255/32"),
)
