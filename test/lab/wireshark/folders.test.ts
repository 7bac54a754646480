import { describe, expect, test } from 'vitest';
import { readFolders, writable } from '../../../src/lab/wireshark/folders.ts';

/** As Wireshark 4.0 says it on Debian 12. */
const OLD = `Temp:                	/tmp
Personal configuration:	/home/me/.config/wireshark
Global configuration:	/usr/share/wireshark
Personal Plugins:    	/home/me/.local/lib/wireshark/plugins/4.0
Personal Lua Plugins:	/home/me/.local/lib/wireshark/plugins
Global Lua Plugins:  	/usr/lib/x86_64-linux-gnu/wireshark/plugins
Extcap path:         	/usr/lib/x86_64-linux-gnu/wireshark/extcap
MaxMind database path:	/usr/share/GeoIP
`;

describe('folders of Wireshark', () => {
  test('are read as tshark says them, blanks in a path included', () => {
    expect(readFolders(OLD.replaceAll('/home/me', '/home/it is me'))).toEqual({
      profiles: '/home/it is me/.config/wireshark/profiles',
      lua: '/home/it is me/.local/lib/wireshark/plugins',
      extcap: '/usr/lib/x86_64-linux-gnu/wireshark/extcap',
    });
  });

  test("a user's own folder of extcap programs goes before the machine's", () => {
    const text = `${OLD}Global Extcap path:\t/usr/lib/wireshark/extcap\nPersonal Extcap path:\t/home/me/.local/lib/wireshark/extcap\n`;
    expect(readFolders(text).extcap).toBe('/home/me/.local/lib/wireshark/extcap');
  });

  test('that are not said are a fault with what was said', () => {
    expect(() => readFolders('Temp: /tmp\n')).toThrow('names no "personal configuration": it says temp');
  });

  test('can be written when the first that is there can', () => {
    expect(writable('/dev/null/extcap')).toBe(false);
    expect(writable('/tmp/kubehop-not-there/extcap')).toBe(true);
  });
});
