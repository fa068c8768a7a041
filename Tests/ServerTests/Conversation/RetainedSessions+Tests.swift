import NIOCore
import Pipeline

@testable import Server

extension RetainedSessions {
    /// Seats a client that is let in, as a connection does.
    func seat(for admission: Admission, limit: Int, at now: NIODeadline = .now()) throws -> SessionSeat? {
        try seat(
            in: SessionKey(admission.pipeline, admission.session), userID: admission.session.userID,
            by: admission.credential, retainedFor: admission.pipeline.retention, limit: limit, at: now)
    }
}
