package import Pipeline

extension HostSettings {
    /// Those of files that are served together: one of them may have a section.
    package static func of(_ files: [PipelineFile]) -> HostSettings {
        files.lazy.compactMap { $0.sections["host"] as? HostSettings }.first ?? HostSettings()
    }
}

/// What a host promises by its settings: to those who run it, and to those who talk to it.
extension HostSettings: Guaranteeing {
    package var guarantees: [Guarantee] {
        let hasHistory = history
        return auth.guarantees + [
            Guarantee(
                "origins",
                origins.isEmpty
                    ? "pages of its own origin alone may connect"
                    : "pages of its own origin and of \(origins.map(\.text).joined(separator: ", ")) may connect",
                .allowing(Set(origins.map(\.text))), otherwise: ""),
            Guarantee(
                "trusted proxies",
                trustedProxies.isEmpty
                    ? "no X-Forwarded-For counts"
                    : "X-Forwarded-For of \(trustedProxies.map(\.text).joined(separator: ", ")) counts",
                .atMost(trustedProxies.reduce(0) { $0 + $1.size }), otherwise: ""),
            Guarantee("metrics", metrics.description, .level(metrics.rank), otherwise: ""),
            Guarantee("console", console.description, .level(console.rank), otherwise: ""),
            Guarantee("messages in the console", tap.description, .level(tap.rank), otherwise: ""),
            Guarantee(
                "history",
                hasHistory
                    ? "the rows of a session are shown at /sessions/{id} to clients that may connect"
                    : "no rows are shown over HTTP", .level(hasHistory ? 0 : 1), otherwise: ""),
            Guarantee(
                "encryption",
                tls == nil ? "without TLS what is said can be read on the way" : "what is said is encrypted (TLS)",
                .level(tls == nil ? 0 : 1), otherwise: ""),
            Guarantee(
                "a stop", "messages and queues have \(drain.words) to end when it stops",
                .level(drain.inSeconds), otherwise: ""),
        ] + limits.guarantees
    }
}

extension HostLimits: Guaranteeing {
    package var guarantees: [Guarantee] {
        [
            bound("connections", "connections at once", connections),
            bound("connections of an address", "connections at once from one address", connectionsPerAddress),
            bound("new connections", "new connections a second", connectsPerSecond),
            bound("handshake", "for a handshake", handshake),
            bound("headers", "of header fields in a request", headers),
            bound("message", "in a message", message),
            bound("fragments", "fragments in a message", fragments),
            bound("dead connections", "between two pings; two that are missed close the connection", ping),
            bound("idle connections", "without a prompt", idle),
            bound("slow clients", "for a client to take anything", write),
            bound("waiting answers", "of answers that wait for a client", outbound),
            bound("waiting messages", "messages that wait on one connection", queued),
            Guarantee(
                "kept sessions",
                "keeps \(kept.settingText ?? "\(kept)") of sessions and answers for those who come back",
                .unranked, otherwise: ""),
            bound("lifetime", "for a connection in all", lifetime),
            bound("frames", "frames of a connection a second", framesPerSecond),
        ]
    }

    /// A number of 0 is no limit.
    private func bound(_ topic: String, _ what: String, _ number: Int) -> Guarantee {
        bound(topic, what, text: number == 0 ? nil : "\(number)", Double(number))
    }

    private func bound(_ topic: String, _ what: String, _ time: Duration) -> Guarantee {
        bound(topic, what, text: time == .zero ? nil : time.words, time.inSeconds)
    }

    private func bound(_ topic: String, _ what: String, _ size: ByteSize) -> Guarantee {
        bound(topic, what, text: size.settingText, Double(size.bytes))
    }

    private func bound(_ topic: String, _ what: String, text: String?, _ number: Double) -> Guarantee {
        Guarantee(
            topic, text.map { "at most \($0) \(what)" } ?? "no limit: \(what)",
            .atMost(text == nil ? Double?.none : number),
            otherwise: "")
    }
}

extension AuthSetting {
    fileprivate var guarantees: [Guarantee] {
        guard let credentials else {
            return [Guarantee("authentication", "anybody who reaches it may come in", .level(0), otherwise: "")]
        }
        let count = credentials.keys.count
        let keys = count == 0 ? [] : [count == 1 ? "the key" : "one of \(count) keys"]
        let ways = keys + (credentials.jwt == nil ? [] : ["a signed token"])
        let who = Guarantee(
            "authentication", "only who has \(ways.joined(separator: " or ")) may come in", .level(1), otherwise: "")
        guard let jwt = credentials.jwt else { return [who] }
        return [who] + [
            jwt.claim("issuer of tokens", "iss", jwt.issuer), jwt.claim("audience of tokens", "aud", jwt.audience),
            Guarantee("signature of tokens", "tokens are checked by \(jwt.keyDescription)", .unranked, otherwise: "")
                .comparedWherePromised,
        ]
    }
}

extension JWTSettings {
    /// By what a token's signature is checked; an address without its query, which may hold what is not for the log.
    fileprivate var keyDescription: String {
        if let publicKey { return "the public key in \(publicKey.text)" }
        guard let jwks else { return "a secret" }
        return "the key set at \(jwks.address.map { String($0.shown) } ?? jwks.text)"
    }

    fileprivate func claim(_ topic: String, _ name: String, _ value: String?) -> Guarantee {
        Guarantee(
            topic, value.map { "tokens must have the \(name) '\($0)'" } ?? "tokens with any \(name) are taken",
            .level(value == nil ? 0 : 1), otherwise: ""
        ).comparedWherePromised
    }
}

extension MetricsRule {
    fileprivate var description: String {
        switch self {
        case .loopback: "/metrics is shown only to programs on this machine"
        case .auth: "/metrics is shown to authenticated clients"
        case .open: "/metrics is shown to everybody"
        }
    }

    fileprivate var rank: Double {
        switch self {
        case .loopback: 2
        case .auth: 1
        case .open: 0
        }
    }
}

extension ConsoleRule {
    fileprivate var description: String {
        switch self {
        case .loopback: "/console is shown only on this machine"
        case .auth: "/console is shown to operators: keys and tokens with 'operator: true'"
        case .off: "there is no /console"
        }
    }

    fileprivate var rank: Double {
        switch self {
        case .off: 2
        case .loopback: 1
        case .auth: 0
        }
    }
}

extension TapRule {
    fileprivate var description: String {
        switch self {
        case .off: "the console shows nothing of messages"
        case .ids: "the console shows the ids of messages, not what was said"
        case .content: "the console shows prompts and answers"
        }
    }

    fileprivate var rank: Double {
        switch self {
        case .off: 2
        case .ids: 1
        case .content: 0
        }
    }
}
