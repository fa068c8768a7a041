extension Configurable {
    /// Every setting of this type, in the order of declaration.
    public static var settings: [SettingType.Named] {
        Property.declared(by: Self.self).flatMap { property -> [SettingType.Named] in
            switch property.declaration {
            case .inlined(let inlined): inlined.settings
            case .use(let use):
                [
                    SettingType.Named(
                        name: property.key, type: use.type, help: use.help, defaultText: nil, isRequired: false)
                ]
            case .setting(let setting):
                [
                    SettingType.Named(
                        name: property.key, type: setting.type, help: setting.help, defaultText: setting.defaultText,
                        isRequired: setting.isRequired, bounds: setting.bounds, mayBeNull: setting.mayBeNull)
                ]
            case nil: []
            }
        }
    }
}
