import NIOHTTP1
import Pipeline

/// What the host answers to HTTP requests: a pure function of the request and of what is served.
struct HostRoutes: Sendable {
    let pipelines: [ServedPipeline]
    let access: AccessRules
    var metrics = PrometheusMetrics()

    /// The answer to a request that is no WebSocket handshake, or one that failed.
    func answer(_ head: HTTPRequestHead, isStopping: Bool) -> HTTPAnswer {
        do throws(HTTPRejection) {
            try access.check(head)
            let target = RequestTarget(head.uri)
            if pipelines.contains(where: { $0.path == target.path }) {
                if head.method == .POST { _ = try admission(to: target, head, from: nil) }
                _ = try admit(head, from: nil)
                throw HTTPRejection(.badRequest, "a WebSocket handshake must be the first request of its connection")
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
            case "/metrics": return try metricsText()
            default: return ChatPage.answer(for: pipelines)
            }
        } catch {
            return HTTPAnswer(error)
        }
    }

    /// What is answered also by a host that is full or stops: whoever watches it must not take that for the end of it.
    static let operatorPaths: Set = ["/healthz", "/readyz", "/metrics"]

    /// What somebody gets who posts a message; `nil` where ``answer(_:isStopping:)`` says what is wrong.
    func admission(toPost head: HTTPRequestHead, from address: String?) -> Admission? {
        guard head.method == .POST, (try? access.check(head)) != nil else { return nil }
        return try? admission(to: RequestTarget(head.uri), head, from: address)
    }

    private func admission(
        to target: RequestTarget, _ head: HTTPRequestHead, from address: String?
    ) throws(HTTPRejection) -> Admission {
        guard let pipeline = pipelines.first(where: { $0.path == target.path }) else {
            throw HTTPRejection(.notFound, "there is nothing at \(target.path)")
        }
        return try Admission(pipeline: pipeline, query: target.query, headers: head.headers, address: address)
    }

    /// Lets a WebSocket client in, or says why not.
    func admit(_ head: HTTPRequestHead, from address: String?) throws(HTTPRejection) -> (
        admission: Admission, headers: HTTPHeaders
    ) {
        try access.check(head)
        let admission = try admission(to: RequestTarget(head.uri), head, from: address)
        switch WebSocketHandshake.check(head) {
        case .reject(let status, let reason):
            // RFC 9110 section 15.5.22: a 426 says what to upgrade to.
            let headers: HTTPHeaders =
                status == .upgradeRequired ? ["upgrade": "websocket", "sec-websocket-version": "13"] : [:]
            throw HTTPRejection(status, reason, headers: headers)
        case .accept(var headers):
            headers.add(name: "stagecoach-session", value: admission.session.id)
            return (admission, headers)
        }
    }

    /// - Throws: 403 where others than this machine could ask.
    private func metricsText() throws(HTTPRejection) -> HTTPAnswer {
        guard access.isLoopback else {
            throw HTTPRejection(.forbidden, "metrics are served to this machine only; listen on a loopback address")
        }
        var text = PrometheusText()
        metrics.write(to: &text)
        QueueMetrics.write(pipelines, to: &text)
        ResourceMetrics.write(pipelines, to: &text)
        ProcessMetrics.write(to: &text)
        return HTTPAnswer(.ok, PrometheusText.contentType, body: text.text)
    }

    private func readiness(isStopping: Bool) -> HTTPAnswer {
        var lines: [String] = isStopping ? ["stopping"] : []
        var isReady = !isStopping
        for pipeline in pipelines {
            for (name, health) in pipeline.chain.health {
                if health.error != nil { isReady = false }
                lines.append("\(pipeline.name) \(name): \(health.error?.message ?? "ready")")
            }
        }
        return HTTPAnswer(isReady ? .ok : .serviceUnavailable, body: lines.joined(separator: "\n") + "\n")
    }
}
