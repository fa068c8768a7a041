import Logging
import Pipeline

extension Conversation {
    /// Answers a client's frame with an error, whatever it says.
    func refuse(_ frame: String, with error: PipelineError, level: Logger.Level? = nil) {
        let id = format == .json ? ClientFrame.id(of: frame) : nil
        refuse(ClientFrame.Refusal(error: error, id: id), level: level)
    }

    /// Answers a frame that is no message, in its turn.
    ///
    /// - Parameters:
    ///   - slot: Its slot in the order of answers, where it has waited.
    ///   - level: The log entry's, where it is not that of an error.
    func refuse(_ refusal: ClientFrame.Refusal, as slot: UniqueID? = nil, level: Logger.Level? = nil) {
        let now = Timestamp.now
        let message = Message(
            id: slot ?? .timeOrdered(at: now), receivedAt: now, session: session, clientID: refusal.id, prompt: "")
        if slot == nil { order.expect(message.id, size: refusal.id?.utf8.count ?? 0) }
        logger.failure(refusal.error, of: message, level: level)
        settle(message, .error(refusal.error, clientID: refusal.id, in: format))
    }
}
