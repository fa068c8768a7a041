import NIOHTTP1
import Pipeline

/// What the host answers to HTTP requests: a pure function of the request and of what is served.
struct HostRoutes: Sendable {
    /// Who is let in, and to what.
    var rules: AdmissionRules
    /// Who may see the metrics.
    var metrics = MetricsRule.loopback
    var meters = PrometheusMetrics()
    /// What is kept of clients beyond their connections.
    var kept = Kept()
    let connected = ConnectedConversations()
    /// Whether stored sessions are shown.
    var history = false
    /// Who may see the host run, and what of messages.
    var console = ConsoleRule.loopback
    var tap = TapRule.ids
    /// What shows the host to operators.
    var watch = Console()

    /// What is served.
    var pipelines: [ServedPipeline] {
        get { rules.pipelines }
        set { rules.pipelines = newValue }
    }

    /// The answer to a request that is no WebSocket handshake, or one that failed.
    func answer(_ head: HTTPRequestHead, from sender: Sender, isStopping: Bool) -> HTTPAnswer {
        do throws(HTTPRejection) {
            try rules.access.check(head)
            let target = RequestTarget(head.uri)
            if let preflight = preflight(head, target) { return preflight }
            if rules.pipeline(at: target) != nil {
                switch head.method {
                case .GET:
                    _ = try rules.admitWebSocket(head, from: sender)
                    throw HTTPRejection(.badRequest, "connect with a WebSocket, or POST a prompt")
                case .POST:
                    // A message was let in, or refused, by its head: this one was for no pipeline then.
                    _ = try rules.admitMessage(head, from: sender)
                    throw .unavailable("try again later")
                default:
                    throw HTTPRejection(
                        .methodNotAllowed, "only GET and POST are served here", headers: ["allow": "GET, POST"])
                }
            }
            if head.isHealthCheck(of: target), head.method == .OPTIONS {
                var answer = target.path == "/readyz" ? readiness(isStopping: isStopping) : HTTPAnswer(body: "ok\n")
                answer.headers.add(name: "allow", value: "GET, HEAD, OPTIONS")
                return answer
            }
            let file = rules.servesClients ? PageFile(at: target.path) : nil
            let hasPages = rules.servesClients || HostRoutes.operatorPaths.contains(target.path)
            guard hasPages, file != nil || HostRoutes.pages.contains(target.path) else {
                throw HTTPRejection(.notFound, "there is nothing at \(target.path)")
            }
            guard head.method == .GET || head.method == .HEAD else {
                throw HTTPRejection(.methodNotAllowed, "only GET is served here", headers: ["allow": "GET, HEAD"])
            }
            if let file { return file.answer(to: head) }
            switch target.path {
            case "/healthz": return HTTPAnswer(body: "ok\n")
            case "/readyz": return readiness(isStopping: isStopping)
            case "/metrics": return try metrics(for: head, from: sender)
            case "/console": return try consolePage(for: head, from: sender)
            case "/console/events":
                _ = try admitOperator(head, from: sender)
                return HTTPAnswer(.ok, "text/event-stream", body: "")
            default: return chatPage(for: head, from: sender)
            }
        } catch {
            return HTTPAnswer(error)
        }
    }

    private static let pages: Set = ["/", "/healthz", "/readyz", "/metrics", "/console", "/console/events"]

    /// What is answered also by a host that is full or stops: whoever watches it must not take that for the end of it.
    static let operatorPaths: Set = ["/healthz", "/readyz", "/metrics"]

    /// What reads a stored session; `nil` where ``answer(_:from:isStopping:)`` knows the answer.
    func history(_ head: HTTPRequestHead) throws(HTTPRejection) -> SessionHistory? {
        guard history, head.uri.hasPrefix("/sessions/"), head.method == .GET else { return nil }
        let credential = try rules.admitReader(head)
        let target = RequestTarget(head.uri)
        guard let id = UniqueID(String(target.path.dropFirst("/sessions/".count))) else { return nil }
        let limit = target.query["limit"].map { Int($0) ?? 0 } ?? 100
        guard (1...SessionHistory.maxRows).contains(limit) else {
            throw HTTPRejection(.badRequest, "limit must be between 1 and \(SessionHistory.maxRows)")
        }
        return SessionHistory(
            id: id.description, limit: limit, credential: credential, authenticator: rules.authenticator,
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
            guard try rules.requiredCredential(of: head) != nil else { throw .unauthorized(.missing) }
        }
        var text = PrometheusText()
        meters.write(to: &text)
        QueueMetrics.write(pipelines, to: &text)
        ResourceMetrics.write(pipelines, to: &text)
        KeptMetrics.write(kept, to: &text)
        IssuerKeysMetrics.write(rules.authenticator?.issuerKeys, to: &text)
        ProcessMetrics.write(to: &text)
        return HTTPAnswer(.ok, PrometheusText.contentType, body: text.text)
    }

    private func readiness(isStopping: Bool) -> HTTPAnswer {
        var lines: [String] = isStopping ? ["stopping"] : []
        var isReady = !isStopping
        if let (areThere, state) = rules.authenticator?.issuerKeys?.readiness {
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
