import Pipeline
import Stages

extension Conversation {
    /// Answers a client's frame with an error, whatever it says.
    func refuse(_ frame: String, with error: PipelineError) {
        refuse(ClientFrame.Refusal(error: error, id: format == .json ? ClientFrame.id(of: frame) : nil))
    }

    /// Answers a frame that is no message, in its turn.
    func refuse(_ refusal: ClientFrame.Refusal) {
        let message = Message(prompt: "", session: session, clientID: refusal.id)
        order.expect(message.id)
        logger.failure(refusal.error, of: message)
        settle(message, .error(refusal.error, clientID: refusal.id, in: format))
    }
}
