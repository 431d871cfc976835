"""How each gRPC channel between our processes is made."""

# A proxy in the environment would read the bearer key and members' e-mails, and most proxies speak no HTTP/2: gRPC
# would go through it unless it is told not to.
DIRECT = (("grpc.enable_http_proxy", 0),)
