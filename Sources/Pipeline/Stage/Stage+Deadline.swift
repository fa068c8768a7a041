extension Stage {
    /// Its own deadline, apart from the modifier: what its setting `timeout` says.
    package var ownDeadline: Duration? {
        if let asking = self as? any AskingStage { return asking.timeout }
        for property in Property.all(of: self) where property.key == "timeout" {
            guard case .setting(let setting)? = property.declaration else { continue }
            return (setting as? Setting<Duration>)?.wrappedValue ?? (setting as? Setting<Duration?>)?.wrappedValue
        }
        return nil
    }
}
