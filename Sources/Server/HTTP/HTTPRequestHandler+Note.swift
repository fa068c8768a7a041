import Logging
import NIOCore
import NIOHTTP1

/// Who asked, and what became of it.
extension HTTPRequestHandler {
    func sender(of head: HTTPRequestHead, _ context: ChannelHandlerContext) -> Sender {
        routes.rules.access.sender(of: head, peer: context.remoteAddress?.ipAddress)
    }

    /// Counts a refusal, and says in the log who asked for what. The query is left out: it may hold a secret.
    func note(_ answer: HTTPAnswer, to head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        let address = context.remoteAddress?.ipAddress
        if let reason = answer.refusal { gate.connections.metrics.refused(reason) }
        if let warning = answer.warning { gate.connections.refusals.note(warning, logger: logger, address: address) }
        logger.debug(
            "Answered a request",
            metadata: [
                "method": "\(head.method)", "path": "\(RequestTarget(head.uri).path.prefix(200))",
                "status": "\(answer.status.code)", "reason": "\(answer.refusal?.rawValue ?? "none")",
                "address": "\(address ?? "")",
            ])
    }
}
