import NIOHTTP1
import Pipeline
import WebSocketCodec

/// What decides whether a request is let in: a pure function of the request and of what is served. ``RequestAdmitter`` asks
/// it in its turn.
struct AdmissionRules: Sendable {
    var pipelines: [ServedPipeline]
    /// Whether clients may talk to the pipelines; not to those of a worker.
    var servesClients = true
    var access: AccessRules
    /// `nil` where there is no authentication.
    var authenticator: Authenticator?
    /// Whether permessage-deflate is taken where it is offered.
    var compression = false

    func pipeline(at target: RequestTarget) -> ServedPipeline? {
        guard servesClients else { return nil }
        return pipelines.first { $0.path == target.path }
    }

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

    /// Lets in who posts a message, or says why not.
    func admitMessage(_ head: HTTPRequestHead, from sender: Sender) throws(HTTPRejection) -> Admission {
        try access.check(head)
        let (admission, isIdentified) = try admission(for: head, from: sender)
        guard isIdentified else { throw .unauthorized(.missing) }
        return admission
    }

    /// Lets in who opens a WebSocket, or says why not.
    func admitWebSocket(
        _ head: HTTPRequestHead, from sender: Sender
    ) throws(HTTPRejection) -> (admission: Admission, agreement: UpgradeAgreement) {
        try access.check(head)
        let (admission, isIdentified) = try admission(for: head, from: sender)
        if isIdentified { return (admission, try agreement(on: head, with: admission)) }
        guard admission.format == .json else { throw .unauthorized(.missing) }
        let waiting = admission.awaitingToken()
        return (waiting, try agreement(on: head, with: waiting))
    }

    /// Lets in who asks for a stored session.
    ///
    /// - Returns: What the client has shown; `nil` where nothing is asked of it.
    func admitReader(_ head: HTTPRequestHead) throws(HTTPRejection) -> ClientCredential? {
        try access.check(head)
        return try requiredCredential(of: head)
    }

    /// Token and session: both are in the request's head.
    private func admission(
        for head: HTTPRequestHead, from sender: Sender
    ) throws(HTTPRejection) -> (Admission, isIdentified: Bool) {
        let target = RequestTarget(head.uri)
        guard let pipeline = pipeline(at: target) else {
            throw HTTPRejection(.notFound, "there is nothing at \(target.path)")
        }
        let credential = try credential(of: head)
        let admission = try Admission(
            pipeline: pipeline, query: target.query, headers: head.headers, address: sender.address,
            credential: credential, by: authenticator)
        return (admission, authenticator == nil || credential != nil)
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

    /// The same where a request without a token is refused, too.
    func requiredCredential(of head: HTTPRequestHead) throws(HTTPRejection) -> ClientCredential? {
        let credential = try credential(of: head)
        if authenticator != nil, credential == nil { throw .unauthorized(.missing) }
        return credential
    }

    /// What must be answered before it can be said who sends a request; `nil` where that is known now, or need not be.
    func question(about head: HTTPRequestHead) -> Task<Void, Never>? {
        guard authenticator?.issuerKeys != nil, let token = PresentedToken.find(in: head),
            !head.isHealthCheck(of: RequestTarget(head.uri)), isOfKnownHost(head)
        else { return nil }
        return authenticator?.question(about: token)
    }

    /// Whether it gets as far as its token: who is refused before has no issuer asked.
    private func isOfKnownHost(_ head: HTTPRequestHead) -> Bool {
        var settled = head
        do throws(HTTPRejection) {
            try settled.settleHost()
            try access.check(settled)
            return true
        } catch {
            return false
        }
    }

    /// Looks again at somebody who was let in, where a reload has changed authentication meanwhile.
    ///
    /// - Throws: 401 for who may not any more.
    func confirm(_ admission: Admission) throws(HTTPRejection) {
        try confirm(admission.credential, by: admission.authenticator)
    }

    func confirm(_ credential: ClientCredential?, by former: Authenticator?) throws(HTTPRejection) {
        guard let authenticator, authenticator !== former else { return }
        guard let credential else { throw .unauthorized(.missing) }
        guard authenticator.admits(credential) else { throw .unauthorized(.invalid) }
    }

    /// The opening handshake itself.
    private func agreement(
        on head: HTTPRequestHead, with admission: Admission
    ) throws(HTTPRejection) -> UpgradeAgreement {
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
            let deflate = mayCompress ? try negotiate(head.headers) : nil
            if let deflate { headers.add(name: "sec-websocket-extensions", value: deflate.answer) }
            return UpgradeAgreement(compression: deflate, headers: headers)
        }
    }

    private func negotiate(_ headers: HTTPHeaders) throws(HTTPRejection) -> PermessageDeflate? {
        do throws(MalformedExtensions) {
            return try PermessageDeflate.negotiate(headers)
        } catch {
            throw HTTPRejection(.badRequest, error.reason)
        }
    }
}

/// What a handshake has agreed on.
struct UpgradeAgreement {
    let compression: PermessageDeflate?
    /// Those of the 101 response, besides `Upgrade` and `Connection`.
    let headers: HTTPHeaders
}
