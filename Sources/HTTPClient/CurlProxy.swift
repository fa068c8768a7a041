import Glibc

/// Proxies are those of the environment (`https_proxy` and so on), which libcurl reads by itself.
enum CurlProxy {
    /// The hosts that are called without one: those of `no_proxy`, and this machine, which no proxy can reach.
    static var unproxiedHosts: String {
        guard let named = getenv("no_proxy") ?? getenv("NO_PROXY") else { return loopback }
        let hosts = String(cString: named)
        return hosts == "*" ? hosts : "\(hosts),\(loopback)"
    }

    private static let loopback = "localhost,127.0.0.1,::1"
}
