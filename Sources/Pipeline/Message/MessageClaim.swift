/// Something that was reserved for a message, such as tokens of a budget. It is given back when the last copy of the
/// message is gone, whatever ended it, so no way out can forget it.
package protocol MessageClaim: AnyObject, Sendable {
    /// The message has an answer that cost so much; called again where another takes its place.
    ///
    /// - Parameter tokens: `nil` where the model says nothing.
    func settle(tokens: Int?)
}
