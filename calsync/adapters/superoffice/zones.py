"""SuperOffice's zone codes and the IANA zones they mean.

The codes are SuperOffice's own: a country, and where it has several zones a region (``NO``, ``US-CA``). Ids are
known only to the tenant's own list. Zones that the table lacks are found by the city the list names.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Final
from zoneinfo import available_timezones

_TABLE: Final = """
AD=Europe/Andorra AE=Asia/Dubai AF=Asia/Kabul AG=America/Antigua AI=America/Anguilla AL=Europe/Tirane
AM=Asia/Yerevan AO=Africa/Luanda AR=America/Argentina/Buenos_Aires AS=Pacific/Pago_Pago AT=Europe/Vienna
AU-ACT=Australia/Sydney AU-NSW=Australia/Sydney AU-NT=Australia/Darwin AU-QLD=Australia/Brisbane
AU-SA=Australia/Adelaide AU-TAS=Australia/Hobart AU-VIC=Australia/Melbourne AU-WA=Australia/Perth
AW=America/Aruba AX=Europe/Mariehamn AZ=Asia/Baku BA=Europe/Sarajevo BB=America/Barbados BD=Asia/Dhaka
BE=Europe/Brussels BF=Africa/Ouagadougou BG=Europe/Sofia BH=Asia/Bahrain BI=Africa/Bujumbura
BJ=Africa/Porto-Novo BL=America/St_Barthelemy BM=Atlantic/Bermuda BN=Asia/Brunei BO=America/La_Paz
BQ=America/Kralendijk BR-AM=America/Manaus BR-SP=America/Sao_Paulo BS=America/Nassau BT=Asia/Thimphu
BW=Africa/Gaborone BY=Europe/Minsk BZ=America/Belize CA-AB=America/Edmonton CA-BC=America/Vancouver
CA-MB=America/Winnipeg CA-NB=America/Moncton CA-NL=America/St_Johns CA-NS=America/Halifax
CA-NT=America/Yellowknife CA-ON=America/Toronto CA-PE=America/Halifax CA-QC=America/Montreal
CA-SK=America/Regina CA-YT=America/Whitehorse CC=Indian/Cocos CF=Africa/Bangui CG=Africa/Brazzaville
CH=Europe/Zurich CI=Africa/Abidjan CK=Pacific/Rarotonga CL=America/Santiago CM=Africa/Douala CN=Asia/Shanghai
CO=America/Bogota CR=America/Costa_Rica CU=America/Havana CV=Atlantic/Cape_Verde CW=America/Curacao
CX=Indian/Christmas CY=Asia/Nicosia CZ=Europe/Prague DE=Europe/Berlin DJ=Africa/Djibouti DK=Europe/Copenhagen
DM=America/Dominica DO=America/Santo_Domingo DZ=Africa/Algiers EC=America/Guayaquil EE=Europe/Tallinn
EG=Africa/Cairo EH=Africa/El_Aaiun ER=Africa/Asmara ES=Europe/Madrid ET=Africa/Addis_Ababa FI=Europe/Helsinki
FJ=Pacific/Fiji FK=Atlantic/Stanley FO=Atlantic/Faroe FR=Europe/Paris GA=Africa/Libreville GB=Europe/London
GD=America/Grenada GE=Asia/Tbilisi GF=America/Cayenne GG=Europe/Guernsey GH=Africa/Accra GI=Europe/Gibraltar
GM=Africa/Banjul GMT=UTC GN=Africa/Conakry GP=America/Guadeloupe GQ=Africa/Malabo GR=Europe/Athens
GS=Atlantic/South_Georgia GT=America/Guatemala GU=Pacific/Guam GW=Africa/Bissau GY=America/Guyana
HK=Asia/Hong_Kong HN=America/Tegucigalpa HR=Europe/Zagreb HT=America/Port-au-Prince HU=Europe/Budapest
IE=Europe/Dublin IL=Asia/Jerusalem IM=Europe/Isle_of_Man IN=Asia/Kolkata IO=Indian/Chagos IQ=Asia/Baghdad
IR=Asia/Tehran IS=Atlantic/Reykjavik IT=Europe/Rome JE=Europe/Jersey JM=America/Jamaica JO=Asia/Amman
JP=Asia/Tokyo KE=Africa/Nairobi KG=Asia/Bishkek KH=Asia/Phnom_Penh KM=Indian/Comoro KN=America/St_Kitts
KP=Asia/Pyongyang KR=Asia/Seoul KW=Asia/Kuwait KY=America/Cayman LA=Asia/Vientiane LB=Asia/Beirut
LC=America/St_Lucia LI=Europe/Vaduz LK=Asia/Colombo LR=Africa/Monrovia LS=Africa/Maseru LT=Europe/Vilnius
LU=Europe/Luxembourg LV=Europe/Riga LY=Africa/Tripoli MA=Africa/Casablanca MC=Europe/Monaco MD=Europe/Chisinau
ME=Europe/Podgorica MF=America/Marigot MG=Indian/Antananarivo MH=Pacific/Majuro MK=Europe/Skopje
ML=Africa/Bamako MM=Asia/Yangon MO=Asia/Macau MP=Pacific/Saipan MQ=America/Martinique MR=Africa/Nouakchott
MS=America/Montserrat MT=Europe/Malta MU=Indian/Mauritius MV=Indian/Maldives MW=Africa/Blantyre
MY=Asia/Kuala_Lumpur MZ=Africa/Maputo NA=Africa/Windhoek NC=Pacific/Noumea NE=Africa/Niamey NF=Pacific/Norfolk
NG=Africa/Lagos NI=America/Managua NL=Europe/Amsterdam NO=Europe/Oslo NP=Asia/Kathmandu NR=Pacific/Nauru
NU=Pacific/Niue NZ=Pacific/Auckland OM=Asia/Muscat PA=America/Panama PE=America/Lima PG=Pacific/Port_Moresby
PH=Asia/Manila PK=Asia/Karachi PL=Europe/Warsaw PM=America/Miquelon PN=Pacific/Pitcairn PR=America/Puerto_Rico
PT=Europe/Lisbon PW=Pacific/Palau PY=America/Asuncion QA=Asia/Qatar RE=Indian/Reunion RO=Europe/Bucharest
RS=Europe/Belgrade RW=Africa/Kigali SA=Asia/Riyadh SB=Pacific/Guadalcanal SC=Indian/Mahe SD=Africa/Khartoum
SE=Europe/Stockholm SG=Asia/Singapore SH=Atlantic/St_Helena SI=Europe/Ljubljana SJ=Arctic/Longyearbyen
SK=Europe/Bratislava SL=Africa/Freetown SM=Europe/San_Marino SN=Africa/Dakar SO=Africa/Mogadishu
SR=America/Paramaribo SS=Africa/Juba ST=Africa/Sao_Tome SV=America/El_Salvador SX=America/Lower_Princes
SY=Asia/Damascus SZ=Africa/Mbabane TC=America/Grand_Turk TD=Africa/Ndjamena TF=Indian/Kerguelen TG=Africa/Lome
TH=Asia/Bangkok TJ=Asia/Dushanbe TK=Pacific/Fakaofo TL=Asia/Dili TM=Asia/Ashgabat TN=Africa/Tunis
TO=Pacific/Tongatapu TR=Europe/Istanbul TT=America/Port_of_Spain TV=Pacific/Funafuti TW=Asia/Taipei
TZ=Africa/Dar_es_Salaam UA=Europe/Kyiv UG=Africa/Kampala UK=Europe/London US-AK=America/Anchorage
US-AL=America/Chicago US-AR=America/Chicago US-AZ=America/Phoenix US-CA=America/Los_Angeles US-CO=America/Denver
US-CT=America/New_York US-DC=America/New_York US-DE=America/New_York US-FL=America/New_York
US-GA=America/New_York US-HI=Pacific/Honolulu US-IA=America/Chicago US-ID=America/Boise US-IL=America/Chicago
US-IN=America/Indiana/Indianapolis US-KS=America/Chicago US-KY=America/New_York US-LA=America/Chicago
US-MA=America/New_York US-MD=America/New_York US-ME=America/New_York US-MI=America/Detroit US-MN=America/Chicago
US-MO=America/Chicago US-MS=America/Chicago US-MT=America/Denver US-NC=America/New_York US-ND=America/Chicago
US-NE=America/Chicago US-NH=America/New_York US-NJ=America/New_York US-NM=America/Denver
US-NV=America/Los_Angeles US-NY=America/New_York US-OH=America/New_York US-OK=America/Chicago
US-OR=America/Los_Angeles US-PA=America/New_York US-RI=America/New_York US-SC=America/New_York
US-SD=America/Chicago US-TN=America/Chicago US-TX=America/Chicago US-UT=America/Denver US-VA=America/New_York
US-VT=America/New_York US-WA=America/Los_Angeles US-WI=America/Chicago US-WV=America/New_York
US-WY=America/Denver UTC=UTC UY=America/Montevideo UZ=Asia/Tashkent VA=Europe/Vatican VC=America/St_Vincent
VE=America/Caracas VG=America/Tortola VI=America/St_Thomas VN=Asia/Ho_Chi_Minh VU=Pacific/Efate
WF=Pacific/Wallis WS=Pacific/Apia YE=Asia/Aden YT=Indian/Mayotte ZA=Africa/Johannesburg ZM=Africa/Lusaka
ZW=Africa/Harare
"""
ZONES: Final[Mapping[str, str]] = dict(entry.split("=") for entry in _TABLE.split())


def zone_from_code(code: str, cities: str = "") -> str:
    """The IANA zone of a code, else of the first city known by that name, else an empty text."""
    known = ZONES.get(code.strip().upper(), "")
    if known:
        return known
    names = (re.sub(r"\W+", "_", city.strip()).lower() for city in cities.split(","))
    return next((_cities()[name] for name in names if name in _cities()), "")


@cache
def _cities() -> Mapping[str, str]:
    """Cities as the last word of zone names; those that stand for two zones are left out."""
    found: dict[str, str] = {}
    twice: set[str] = set()
    for zone in sorted(available_timezones()):
        area, _, city = zone.rpartition("/")
        if not area or area.startswith(("Etc", "posix", "right", "SystemV")):
            continue
        if found.setdefault(city.lower(), zone) != zone:
            twice.add(city.lower())
    return {city: zone for city, zone in found.items() if city not in twice}
