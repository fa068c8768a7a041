import NIOHTTP1
import Pipeline
import Stages

/// What the host answers to HTTP requests: a pure function of the request and of what is served.
struct HostRoutes: Sendable {
    var pipelines: [ServedPipeline]
    var access: AccessRules
    /// `nil` where anybody may come in.
    var authenticator: Authenticator?
    /// Who may see the metrics.
    var metrics = MetricsRule.loopback
    var meters = PrometheusMetrics()
    /// What is kept of clients beyond their connections.
    var kept = Kept()
    let connected = ConnectedConversations()
    /// Whether stored sessions are shown.
    var history = false
    /// Whether permessage-deflate is taken where it is offered.
    var compression = false

    /// The answer to a request that is no WebSocket handshake, or one that failed.
    func answer(_ head: HTTPRequestHead, from sender: Sender, isStopping: Bool) -> HTTPAnswer {
        do throws(HTTPRejection) {
            try access.check(head)
            let target = RequestTarget(head.uri)
            if let preflight = preflight(head, target) { return preflight }
            if pipeline(at: target) != nil {
                guard head.method == .GET || head.method == .POST else {
                    throw HTTPRejection(
                        .methodNotAllowed, "only GET and POST are served here", headers: ["allow": "GET, POST"])
                }
                if head.method == .POST { _ = try admission(to: target, head, from: sender) }
                _ = try admit(head, from: sender)
                throw HTTPRejection(.badRequest, "connect with a WebSocket")
            }
            if HostRoutes.isLook(head, target), head.method == .OPTIONS {
                var answer = target.path == "/readyz" ? readiness(isStopping: isStopping) : HTTPAnswer(body: "ok\n")
                answer.headers.add(name: "allow", value: "GET, HEAD, OPTIONS")
                return answer
            }
            guard ["/", "/healthz", "/readyz", "/metrics"].contains(target.path) else {
                throw HTTPRejection(.notFound, "there is nothing at \(target.path)")
            }
            guard head.method == .GET || head.method == .HEAD else {
                throw HTTPRejection(.methodNotAllowed, "only GET is served here", headers: ["allow": "GET, HEAD"])
            }
            switch target.path {
            case "/healthz": return HTTPAnswer(body: "ok\n")
            case "/readyz": return readiness(isStopping: isStopping)
            case "/metrics": return try metrics(for: head, from: sender)
            default: return ChatPage.answer(for: pipelines, needsToken: authenticator != nil)
            }
        } catch {
            return HTTPAnswer(error)
        }
    }

    /// Whether a request only looks whether the host is well, which may be asked by any name, as nothing can be done there.
    /// Some proxies look by OPTIONS: HAProxy's `option httpchk`, without a path or with one.
    static func isLook(_ head: HTTPRequestHead, _ target: RequestTarget) -> Bool {
        switch target.path {
        case "/healthz", "/readyz": true
        case "/", "*": head.method == .OPTIONS && !head.headers.contains(name: "origin")
        default: false
        }
    }

    /// What is answered also by a host that is full or stops: whoever watches it must not take that for the end of it.
    static let operatorPaths: Set = ["/healthz", "/readyz", "/metrics"]

    /// Whether a request asks for a WebSocket where there is one. An `Upgrade` elsewhere, or to something else, is no reason
    /// not to answer (RFC 9110 section 7.8).
    func isHandshake(_ head: HTTPRequestHead) -> Bool {
        guard head.method == .GET, head.headers.contains(name: "upgrade") else { return false }
        return head.headers[canonicalForm: "upgrade"].contains { $0.lowercased() == "websocket" }
            && pipeline(at: RequestTarget(head.uri)) != nil
    }

    /// Whether a request is somebody's message.
    func isMessage(_ head: HTTPRequestHead) -> Bool {
        head.method == .POST && pipeline(at: RequestTarget(head.uri)) != nil
    }

    func pipeline(at target: RequestTarget) -> ServedPipeline? {
        pipelines.first { $0.path == target.path }
    }

    /// What somebody gets who posts a message; `nil` where ``answer(_:from:isStopping:)`` says what is wrong.
    func admission(toPost head: HTTPRequestHead, from sender: Sender) -> Admission? {
        guard head.method == .POST, (try? access.check(head)) != nil else { return nil }
        return try? admission(to: RequestTarget(head.uri), head, from: sender)
    }

    /// - Parameter mayShowTokenLater: Whether a client may say by its first message who it is.
    private func admission(
        to target: RequestTarget, _ head: HTTPRequestHead, from sender: Sender, mayShowTokenLater: Bool = false
    ) throws(HTTPRejection) -> Admission {
        guard let pipeline = pipeline(at: target) else {
            throw HTTPRejection(.notFound, "there is nothing at \(target.path)")
        }
        let credential = try credential(of: head)
        let admission = try Admission(
            pipeline: pipeline, query: target.query, headers: head.headers, address: sender.address,
            credential: credential, by: authenticator)
        guard authenticator != nil, credential == nil else { return admission }
        guard mayShowTokenLater, admission.format == .json else { throw .unauthorized(.missing) }
        return admission.awaitingToken()
    }

    /// Who sends a request; `nil` where anybody may, and where the request has no token.
    ///
    /// - Throws: 401 for a token that is not good, 503 where that can't be told.
    private func credential(of head: HTTPRequestHead) throws(HTTPRejection) -> ClientCredential? {
        guard let authenticator, let token = PresentedToken.find(in: head) else { return nil }
        do throws(AuthFailure) {
            return try authenticator.credential(for: token)
        } catch {
            throw HTTPRejection(error)
        }
    }

    /// Looks again at somebody who was let in, where a reload has changed meanwhile who may come in.
    ///
    /// - Throws: 401 for who may not any more.
    func confirm(_ credential: ClientCredential?, by former: Authenticator?) throws(HTTPRejection) {
        guard let authenticator, authenticator !== former else { return }
        guard let credential else { throw .unauthorized(.missing) }
        guard authenticator.admits(credential) else { throw .unauthorized(.invalid) }
    }

    /// What must be answered before it can be said who sends a request; `nil` where that is known now, or need not be.
    func question(about head: HTTPRequestHead) -> Task<Void, Never>? {
        guard authenticator?.issuerKeys != nil, let token = PresentedToken.find(in: head),
            !HostRoutes.isLook(head, RequestTarget(head.uri))
        else { return nil }
        return authenticator?.question(about: token)
    }

    /// Lets a WebSocket client in, or says why not.
    func admit(_ head: HTTPRequestHead, from sender: Sender) throws(HTTPRejection) -> (
        admission: Admission, compression: PermessageDeflate?, headers: HTTPHeaders
    ) {
        try access.check(head)
        let admission = try admission(to: RequestTarget(head.uri), head, from: sender, mayShowTokenLater: true)
        switch WebSocketHandshake.check(head) {
        case .reject(let status, let reason):
            // RFC 9110 section 15.5.22: a 426 says what to upgrade to.
            let headers: HTTPHeaders =
                status == .upgradeRequired ? ["upgrade": "websocket", "sec-websocket-version": "13"] : [:]
            throw HTTPRejection(status, reason, headers: headers)
        case .accept(var headers):
            headers.add(name: "stagecoach-session", value: admission.session.id)
            if let name = PresentedToken.chosenSubprotocol(for: head) {
                headers.add(name: "sec-websocket-protocol", value: name)
            }
            // What a client says before it is known is not worth the memory.
            let mayCompress = compression && !admission.awaitsToken
            let compression = mayCompress ? try PermessageDeflate.negotiate(head.headers) : nil
            if let compression { headers.add(name: "sec-websocket-extensions", value: compression.answer) }
            return (admission, compression, headers)
        }
    }

    /// What reads a stored session; `nil` where ``answer(_:from:isStopping:)`` knows the answer.
    func history(_ head: HTTPRequestHead) throws(HTTPRejection) -> SessionHistory? {
        guard history, head.uri.hasPrefix("/sessions/"), head.method == .GET else { return nil }
        try access.check(head)
        let credential = try credential(of: head)
        if authenticator != nil, credential == nil { throw .unauthorized(.missing) }
        let target = RequestTarget(head.uri)
        guard let id = UniqueID(String(target.path.dropFirst("/sessions/".count))) else { return nil }
        let limit = target.query["limit"].map { Int($0) ?? 0 } ?? 100
        guard (1...SessionHistory.most).contains(limit) else {
            throw HTTPRejection(.badRequest, "limit must be between 1 and \(SessionHistory.most)")
        }
        return SessionHistory(
            id: id.description, limit: limit, credential: credential, authenticator: authenticator,
            pipelines: pipelines)
    }

    private func metrics(for head: HTTPRequestHead, from sender: Sender) throws(HTTPRejection) -> HTTPAnswer {
        switch metrics {
        case .open: break
        case .loopback where sender.isLocal: break
        case .loopback:
            throw HTTPRejection(
                .forbidden, "metrics are served to this machine only, unless host: {metrics: …} says so")
        case .auth:
            guard try credential(of: head) != nil else { throw .unauthorized(.missing) }
        }
        var text = PrometheusText()
        meters.write(to: &text)
        QueueMetrics.write(pipelines, to: &text)
        ResourceMetrics.write(pipelines, to: &text)
        KeptMetrics.write(kept, to: &text)
        IssuerKeysMetrics.write(authenticator?.issuerKeys, to: &text)
        ProcessMetrics.write(to: &text)
        return HTTPAnswer(.ok, PrometheusText.contentType, body: text.text)
    }

    private func readiness(isStopping: Bool) -> HTTPAnswer {
        var lines: [String] = isStopping ? ["stopping"] : []
        var isReady = !isStopping
        if let (areThere, state) = authenticator?.issuerKeys?.readiness {
            isReady = isReady && areThere
            lines.append("auth jwks: \(state)")
        }
        for pipeline in pipelines {
            for (name, health, standIns) in pipeline.chain.readiness {
                if health.error != nil, standIns == nil { isReady = false }
                let instead = standIns.map { "; in its place: \($0.joined(separator: ", "))" } ?? ""
                lines.append("\(pipeline.name) \(name): \(health.error?.message ?? "ready")\(instead)")
            }
        }
        return HTTPAnswer(isReady ? .ok : .serviceUnavailable, body: lines.joined(separator: "\n") + "\n")
    }
}
