import Logging
import Pipeline
import Stages

extension Conversation {
    /// Answers a client's frame with an error, whatever it says.
    func refuse(_ frame: String, with error: PipelineError, level: Logger.Level? = nil) {
        let id = format == .json ? ClientFrame.id(of: frame) : nil
        refuse(ClientFrame.Refusal(error: error, id: id), level: level)
    }

    /// Answers a frame that is no message, in its turn.
    ///
    /// - Parameter level: The log entry's, where it is not that of an error.
    func refuse(_ refusal: ClientFrame.Refusal, level: Logger.Level? = nil) {
        let message = Message(prompt: "", session: session, clientID: refusal.id)
        order.expect(message.id)
        logger.failure(refusal.error, of: message, level: level)
        settle(message, .error(refusal.error, clientID: refusal.id, in: format))
    }
}
