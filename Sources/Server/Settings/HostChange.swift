import Pipeline

extension HostSettings {
    /// The keys that say something else than `running`, with which the host was started, and of which a reload takes nothing.
    func keysForRestart(of running: HostSettings) -> [String] {
        var keys: [String] = []
        if trustedProxies != running.trustedProxies { keys.append("trusted_proxies") }
        if compression != running.compression { keys.append("compression") }
        if tls?.certificate.text != running.tls?.certificate.text || tls?.key.text != running.tls?.key.text {
            keys.append("tls")
        }
        if drain != running.drain { keys.append("drain") }
        return keys
    }

    /// What holds after a reload on a host that was started with `running`.
    func holding(on running: HostSettings) -> HostSettings {
        var settings = self
        (settings.trustedProxies, settings.compression) = (running.trustedProxies, running.compression)
        (settings.tls, settings.drain) = (running.tls, running.drain)
        return settings
    }

    /// What is to be said of such keys; `nil` where there are none.
    func restartNotice(of running: HostSettings) -> String? {
        let names = keysForRestart(of: running).map { "'host: \($0)'" }
        guard let last = names.last else { return nil }
        let end = "restart the host for the change; everything else in the file is in effect"
        guard names.count > 1 else { return "\(last) is read only at the start: \(end)" }
        return "\(names.dropLast().joined(separator: ", ")) and \(last) are read only at the start: \(end)"
    }
}

extension HostRoutes {
    /// Takes what a reload takes of `host:`, beside limits.
    mutating func take(_ settings: HostSettings, _ authenticator: Authenticator?) {
        rules.access = rules.access.with(origins: settings.origins)
        rules.authenticator = authenticator
        (metrics, history) = (settings.metrics, settings.history)
        (console, tap) = (settings.console, settings.tap)
    }
}

/// An address that others can reach is served with authentication alone, unless the operator says otherwise.
package struct AddressRule {
    let address: String
    /// Whether clients need no authentication.
    let isInsecure: Bool

    package init(address: String, isInsecure: Bool) {
        (self.address, self.isInsecure) = (address, isInsecure)
    }

    package func allows(_ settings: HostSettings) -> Bool {
        ListenAddress(address).isLoopback || isInsecure || settings.auth.credentials != nil
    }
}
