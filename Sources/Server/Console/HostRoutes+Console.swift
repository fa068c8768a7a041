import NIOHTTP1
import Pipeline

/// Who may see the host run.
extension HostRoutes {
    /// What asks for the feed; `nil` for another request.
    ///
    /// - Throws: Where it may not have it, or asks for what there is not.
    func feed(_ head: HTTPRequestHead, from sender: Sender) throws(HTTPRejection) -> ConsoleRequest? {
        guard rules.servesClients, head.uri.hasPrefix("/console/events"), head.method == .GET else { return nil }
        let target = RequestTarget(head.uri)
        guard target.path == "/console/events" else { return nil }
        try rules.access.check(head)
        let credential = try admitOperator(head, from: sender)
        // What a page elsewhere embeds would take one of few feeds, though it could not read it.
        guard head.headers["sec-fetch-site"].allSatisfy({ $0 == "same-origin" || $0 == "none" }) else {
            throw HTTPRejection(.forbidden, "the console's feed is for its own page, 'stagecoach top' and 'tap'")
        }
        let label = try tapped(target.query["tap"])
        return ConsoleRequest(
            label: label, session: target.query["session"], credential: credential,
            authenticator: rules.authenticator)
    }

    /// Lets an operator in.
    ///
    /// - Returns: What the operator has shown; `nil` where nothing is asked for.
    func admitOperator(
        _ head: HTTPRequestHead, from sender: Sender
    ) throws(HTTPRejection) -> ClientCredential? {
        guard rules.access.isOfOwnPage(head) else {
            throw HTTPRejection(.forbidden, "the console is for no page but its own")
        }
        switch console {
        case .off: throw HTTPRejection(.notFound, "there is nothing at \(RequestTarget(head.uri).path)")
        case .loopback:
            guard sender.isLocal, head.namesLoopback, !head.isForwarded else {
                throw HTTPRejection(
                    .forbidden,
                    "the console is shown to this machine only, by HTTP/1.1 and through no proxy, unless "
                        + "host: {console: auth} says so")
            }
            return nil
        case .auth:
            guard let authenticator = rules.authenticator else {
                throw HTTPRejection(.forbidden, "'console: auth' needs 'auth': nobody can see the console")
            }
            guard let credential = try rules.requiredCredential(of: head) else { throw .unauthorized(.missing) }
            guard authenticator.isOperator(credential) else {
                throw HTTPRejection(
                    .forbidden,
                    "this key or token is not an operator's: {key: …, user: …, operator: true} is, and a token "
                        + "with the claim operator: true")
            }
            return credential
        }
    }

    /// The label of the stage whose messages are asked for; `*` is every stage.
    private func tapped(_ label: String?) throws(HTTPRejection) -> String? {
        guard let label, !label.isEmpty else { return nil }
        guard tap != .off else {
            throw HTTPRejection(.forbidden, "messages are not shown: write host: {tap: ids}, or content")
        }
        let labels = pipelines.flatMap(\.chain.labels)
        guard label == "*" || labels.contains(where: { $0.isExactly(label) }) else {
            throw HTTPRejection(
                .badRequest, "there is no stage with this label; there are: \(labels.joined(separator: ", "))")
        }
        return label
    }

    /// Whether who has a feed may keep it.
    func stillAdmits(_ request: ConsoleRequest) -> Bool {
        if request.label != nil, tap == .off { return false }
        switch console {
        case .off: return false
        case .loopback: return request.credential == nil
        case .auth:
            guard let credential = request.credential, let authenticator = rules.authenticator else { return false }
            if let expires = credential.identity.expires, Double(Timestamp.now.microseconds) / 1e6 >= expires {
                return false
            }
            return authenticator === request.authenticator || authenticator.isOperator(credential)
        }
    }
}

/// What somebody wants to see.
struct ConsoleRequest {
    /// The label of the stage whose messages are shown, `*` for every stage; `nil` for none.
    let label: String?
    /// The session whose messages those are; `nil` for any.
    let session: String?
    let credential: ClientCredential?
    /// What has looked at the credential.
    let authenticator: Authenticator?
}

extension HTTPRequestHead {
    /// Whether it is for a name or address that is this machine's, whatever else the host answers to: other names may be
    /// a page's that has had its name lead here.
    fileprivate var namesLoopback: Bool {
        guard let host = headers.first(name: "host").flatMap(HostName.init) else { return false }
        return host.name == "localhost" || IPAddress(host.name)?.isLoopback == true
    }

    /// Whether anything says that a proxy has sent it on. No browser speaks HTTP/1.0, and neither do `top` and `tap`; nginx
    /// with `proxy_pass` alone does, adds no header and names the host by its loopback address.
    fileprivate var isForwarded: Bool {
        version != .http1_1
            || headers.contains { name, _ in
                let name = name.lowercased()
                return name == "forwarded" || name == "via" || name == "x-real-ip" || name.hasPrefix("x-forwarded-")
            }
    }
}
