import NIOHTTP1

extension HTTPRequestHead {
    /// Whether a request only asks whether the host is well, which may be asked by any name, as nothing can be done there.
    /// Some proxies ask by OPTIONS: HAProxy's `option httpchk`, without a path or with one.
    func isHealthCheck(of target: RequestTarget) -> Bool {
        switch target.path {
        case "/healthz", "/readyz": true
        case "/", "*": method == .OPTIONS && !headers.contains(name: "origin")
        default: false
        }
    }
}
